"""From a file to entries: the file says itself what it is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from netcompliance import yamlfile
from netcompliance.approved import iptables, nft, nftjson, plain, policies, ruleset
from netcompliance.inputs import BadInput, read_text
from netcompliance.model import Approved

_IPTABLES = re.compile(r"^(\*filter\b|:\S+ (ACCEPT|DROP|-)|(\[\d+:\d+\] )?(-[46] )?(-A|-I) \S+ )", re.MULTILINE)
_NFT = re.compile(
    r"^\s*(#!.*\bnft\b|((add|create|insert|flush|delete|destroy)\s+)?(table|chain|rule|ruleset|set|define)\s+\S)",
    re.MULTILINE,
)
_KUBERNETES = re.compile(r"^\s*\"?(apiVersion|kind)\"?\s*:", re.MULTILINE)


def read(path: Path) -> tuple[Approved, ...]:
    """The entries of the file, in its order. Raises `BadInput`, one line with the line of the file."""
    found = _read(read_text(path, "allow-list"), f"allow-list {path}")
    return tuple(replace(entry, where=entry.where.removeprefix("allow-list ")) for entry in found)


def _read(text: str, origin: str) -> tuple[Approved, ...]:
    if text.lstrip().startswith("{"):
        return _json(text, origin)
    if _IPTABLES.search(text):
        return ruleset.entries(iptables.read(text, origin), origin)
    if _KUBERNETES.search(text):
        return policies.read(yamlfile.documents(text, origin), origin)
    if _NFT.search(text):
        return ruleset.entries(nft.read(text, origin), origin)
    found = plain.read(text, origin)
    if not found:
        raise BadInput(f"{origin}: no address and no name in it")
    return found


def _json(text: str, origin: str) -> tuple[Approved, ...]:
    """nft's JSON, or an object as kubectl prints it. JSON is YAML, and read as such it has lines."""
    if _KUBERNETES.search(text):
        return policies.read(yamlfile.documents(text, origin), origin)
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise BadInput(f"{origin}:{line}: {getattr(error, 'msg', 'not JSON')}") from None
    except RecursionError:
        raise BadInput(f"{origin}: nested too deeply") from None
    return ruleset.entries(nftjson.read(document, origin), origin)
