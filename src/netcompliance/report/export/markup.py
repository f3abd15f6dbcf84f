"""XML, built as a tree, so that no text can become markup."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree


def child(
    parent: ElementTree.Element, tag: str, text: str | None = None, attributes: Mapping[str, str] | None = None
) -> ElementTree.Element:
    """A new last child of an element."""
    made = ElementTree.SubElement(parent, tag, dict(attributes or {}))
    made.text = text
    return made


def document(root: ElementTree.Element) -> str:
    """The tree as a document, one element a line."""
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'
