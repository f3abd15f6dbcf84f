"""Kubernetes NetworkPolicies: what their egress rules let out to addresses (pure).

What a policy says of pods by their labels is the cluster's own business and no entry. Policies only allow, so their
order does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from netcompliance.config.allow_list.plain import blocks_of
from netcompliance.config.validation import BadInput, printable
from netcompliance.config.yaml_lines import Way, line
from netcompliance.firewall_rules.blocks import ANYWHERE, both, services, without
from netcompliance.model import Approved, Service

GROUP = "networking.k8s.io/"


def is_policy(value: Any) -> bool:
    """Is it a NetworkPolicy, or a list of such?"""
    return isinstance(value, Mapping) and "kind" in value and "apiVersion" in value


def read(found: list[Any], origin: str) -> tuple[Approved, ...]:
    """The entries of all documents. Raises `BadInput`."""
    entries = [replace(entry, for_pods=True) for document in found for entry in _Reader(document, origin).entries()]
    if not entries:
        raise BadInput(f"{origin}: no egress rule in it names addresses")
    return tuple(entries)


class _Reader:
    def __init__(self, document: Any, origin: str) -> None:
        self._document = document
        self._origin = origin

    def entries(self) -> Iterator[Approved]:
        value = self._document
        if not is_policy(value):
            raise BadInput(f"{self._origin}: a document that is no Kubernetes object")
        items = value.get("items")
        if str(value["kind"]).endswith("List") and isinstance(items, list):
            for index, item in enumerate(items):
                yield from self._policy(item, ("items", index))
        else:
            yield from self._policy(value, ())

    def _policy(self, policy: Any, path: Way) -> Iterator[Approved]:
        if (
            not is_policy(policy)
            or policy["kind"] != "NetworkPolicy"
            or not str(policy["apiVersion"]).startswith(GROUP)
        ):
            kind = policy.get("kind") if isinstance(policy, Mapping) else None
            raise BadInput(
                f"{self._where(path, 'kind')}: {printable(str(kind), 60)} is not read here, NetworkPolicy is"
            )
        spec = self._mapping(policy.get("spec"), (*path, "spec"))
        for index, rule in enumerate(self._list(spec.get("egress"), (*path, "spec", "egress"))):
            yield from self._rule(rule, (*path, "spec", "egress", index))

    def _rule(self, rule: Any, path: Way) -> Iterator[Approved]:
        rule = self._mapping(rule, path)
        allowed = self._services(rule.get("ports"), (*path, "ports"))
        if not rule.get("to"):
            yield Approved(
                text="any address", blocks=tuple(ANYWHERE.values()), services=allowed, where=self._where(path)
            )
        for index, peer in enumerate(self._list(rule.get("to"), (*path, "to"))):
            at = (*path, "to", index, "ipBlock")
            block = self._mapping(peer, at[:-1]).get("ipBlock")
            if block is not None:
                yield from self._block(self._mapping(block, at), at, allowed)

    def _block(self, block: Mapping[str, Any], at: Way, allowed: tuple[Service, ...]) -> Iterator[Approved]:
        cidr = block.get("cidr")
        where = self._where(at, "cidr")
        if not isinstance(cidr, str):
            raise BadInput(f"{where}: an ipBlock without its cidr")
        text, nets, holes = cidr, blocks_of(cidr, where), list[str]()
        for index, each in enumerate(self._list(block.get("except"), (*at, "except"))):
            holes += blocks_of(str(each), self._where((*at, "except"), index))
            text += f" except {each}" if not index else f", {each}"
        gone = both([nets], holes)[0]
        left = tuple(without([net for net in nets if net not in gone], holes))
        yield Approved(text=printable(text), blocks=left, services=allowed, where=where)

    def _services(self, listed: Any, path: Way) -> tuple[Service, ...]:
        if not listed:
            return services(["any"], None)
        found = []
        for index, each in enumerate(self._list(listed, path)):
            each = self._mapping(each, (*path, index))  # noqa: PLW2901 - the same, checked
            name, first, last = str(each.get("protocol", "TCP")).lower(), each.get("port"), each.get("endPort")
            if first is not None and (isinstance(first, bool) or not isinstance(first, int)):
                raise BadInput(f"{self._where((*path, index), 'port')}: a port by name says nothing outside its pod")
            first, last = (0, 65535) if first is None else (first, first if last is None else last)
            if not isinstance(last, int) or not 0 <= first <= last <= 65535:
                raise BadInput(f"{self._where((*path, index))}: no ports")
            found.append(Service(protocol=name, first=first, last=last))
        return tuple(found)

    def _mapping(self, value: Any, path: Way) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise BadInput(f"{self._where(path)}: expected a mapping")
        return value

    def _list(self, value: Any, path: Way) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise BadInput(f"{self._where(path)}: expected a list")
        return value

    def _where(self, path: Way, *more: str | int) -> str:
        number = line(self._document, (*path, *more))
        return f"{self._origin}:{number}" if number else self._origin
