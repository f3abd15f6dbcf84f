"""From a file to entries: the file says itself what it is."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from netcompliance.config import yaml_lines
from netcompliance.config.allow_list import plain, policies
from netcompliance.config.validation import BadInput, printable, read_text
from netcompliance.firewall_rules import egress, iptables_save, nft_json, nft_text
from netcompliance.firewall_rules.rules import RulesError, Ruleset
from netcompliance.model import Approved

_IPTABLES = re.compile(r"^(\*filter\b|:\S+ (ACCEPT|DROP|-)|(\[\d+:\d+\] )?(-[46] )?(-A|-I) \S+ )", re.MULTILINE)
_NFT = re.compile(
    r"^\s*(#!.*\bnft\b|((add|create|insert|flush|delete|destroy)\s+)?(table|chain|rule|ruleset|set|define)\s+\S)",
    re.MULTILINE,
)
_PORTS = {"domain": 53, "http": 80, "https": 443}
_KUBERNETES = re.compile(r"^\s*\"?(apiVersion|kind)\"?\s*:", re.MULTILINE)


def read(path: Path) -> tuple[Approved, ...]:
    """The entries of the file, in its order. Raises `BadInput`, one line with the line of the file."""
    found = _read(read_text(path, "allow-list"), f"allow-list {path}")
    return tuple(replace(entry, where=entry.where.removeprefix("allow-list ")) for entry in found)


def _read(text: str, origin: str) -> tuple[Approved, ...]:
    if text.lstrip().startswith("{"):
        return _json(text, origin)
    if _IPTABLES.search(text):
        return _let_out(lambda: iptables_save.parsed(text), origin)
    if _KUBERNETES.search(text):
        return policies.read(yaml_lines.documents(text, origin), origin)
    if _NFT.search(text):
        return _let_out(lambda: nft_text.parsed(text), origin)
    found = plain.read(text, origin)
    if not found:
        raise BadInput(f"{origin}: no address and no name in it")
    return found


def _json(text: str, origin: str) -> tuple[Approved, ...]:
    """nft's JSON, or an object as kubectl prints it. JSON is YAML, and read as such it has lines."""
    if _KUBERNETES.search(text):
        return policies.read(yaml_lines.documents(text, origin), origin)
    try:
        document: Any = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise BadInput(f"{origin}:{line}: {getattr(error, 'msg', 'not JSON')}") from None
    except RecursionError:
        raise BadInput(f"{origin}: nested too deeply") from None
    if not isinstance(document, dict) or not isinstance(document.get("nftables"), list):
        raise BadInput(f"{origin}: JSON, but not nft's")
    return _let_out(lambda: nft_json.parsed(document), origin)


def _let_out(parsed: Callable[[], Ruleset], origin: str) -> tuple[Approved, ...]:
    """What a firewall's rules let out."""
    try:
        return tuple(
            replace(entry, where=f"{origin}{printable(entry.where)}")
            for entry in egress.entries(parsed(), _service_port)
        )
    except RulesError as error:
        raise BadInput(f"{origin}{error}") from None


def _service_port(name: str) -> int | None:
    try:
        return _PORTS.get(name) or socket.getservbyname(name)
    except OSError:
        return None
