"""nftables as people write it and as `nft list ruleset` prints it (pure).

Read are tables, chains, sets, `define`, and `add` and `insert` of those. What only changes a running firewall (flush,
delete) is passed over, and so are a rule's words that limit neither destination, source nor port.
"""

from __future__ import annotations

from netcompliance.approved import nftrules
from netcompliance.approved.nftwords import Cursor, Word, words
from netcompliance.approved.ruleset import Chain, Place
from netcompliance.inputs import BadInput

_FAMILIES = ("ip", "ip6", "inet", "arp", "bridge", "netdev")
_PASSED_OVER = (
    "define",
    "flush",
    "delete",
    "destroy",
    "list",
    "reset",
    "set",
    "map",
    "element",
    "counter",
    "quota",
    "limit",
)
_NO_RULES = ("comment", "devices", "flags")


def read(text: str, origin: str) -> dict[Place, Chain]:
    """The chains of the file. Raises `BadInput` with the line of what cannot be read."""
    return _Reader(list(words(text)), origin).chains()


class _Reader:
    def __init__(self, some: list[Word], origin: str) -> None:
        self._cursor = Cursor(some, origin)
        self._origin = origin
        self._names = _names(some, origin)
        self._chains: dict[Place, Chain] = {}

    def chains(self) -> dict[Place, Chain]:
        cursor, inserted = self._cursor, False
        while word := cursor.next():
            match word.text:
                case ";":
                    inserted = False
                case "add" | "create" | "insert" | "replace":
                    inserted = word.text == "insert"
                case "table":
                    self._table(_family(cursor), cursor.text())
                case "chain":
                    self._chain((_family(cursor), cursor.text(), cursor.text()))
                case "rule":
                    self._rule((_family(cursor), cursor.text(), cursor.text()), first=inserted)
                case text if text in _PASSED_OVER:
                    cursor.statement()
                case _:
                    raise cursor.bad(f"{word.text!r} begins no statement that is known here")
        return self._chains

    def _table(self, family: str, name: str) -> None:
        cursor = self._cursor
        if not cursor.take("{"):
            return
        while not cursor.take("}"):
            if not cursor.peek():
                raise BadInput(f"{self._origin}: a table without its closing brace")
            if cursor.take("chain"):
                self._chain((family, name, cursor.text()))
            elif not cursor.take(";"):
                cursor.statement()

    def _chain(self, place: Place) -> None:
        cursor, chain = self._cursor, self._at(place)
        if not cursor.take("{"):
            return
        while not cursor.take("}"):
            if not cursor.peek():
                raise BadInput(f"{self._origin}: a chain without its closing brace")
            if cursor.take(";"):
                continue
            if cursor.peek() == "type":
                says = [word.text for word in cursor.statement()]
                if not says[1:]:
                    raise BadInput(f"{self._origin}: a chain's type without its name")
                chain.kind, chain.hook = says[1], says[says.index("hook") + 1] if "hook" in says[:-1] else ""
            elif cursor.peek() == "policy":
                chain.policy = cursor.statement()[-1].text
                chain.where = cursor.where
            elif cursor.peek() in _NO_RULES:
                cursor.statement()
            else:
                self._rule(place)

    def _rule(self, place: Place, *, first: bool = False) -> None:
        statement = self._cursor.statement()
        if statement:
            rule = nftrules.read(statement, self._origin, self._names, place[:2])
            rules = self._at(place).rules
            rules.insert(0 if first else len(rules), rule)

    def _at(self, place: Place) -> Chain:
        version = {"ip": 4, "ip6": 6}.get(place[0])
        return self._chains.setdefault(place, Chain(where=self._cursor.where, version=version))


def _family(cursor: Cursor) -> str:
    return cursor.take(*_FAMILIES) or "ip"


def _names(some: list[Word], origin: str) -> nftrules.Names:
    """Sets and variables. Sets may stand behind the rules that use them, so they are read first."""
    names = nftrules.Names()
    table = ("ip", "")
    for index, word in enumerate(some):
        cursor = Cursor(some, origin, index + 1)
        if word.text == "define":
            name = cursor.text()
            if cursor.take("="):
                names.variables[name] = names.values(cursor, table)
        elif word.text == "table":
            table = (_family(cursor), cursor.text())
        elif word.text == "set" and cursor.peek(1) == "{":
            name = cursor.text()
            body = Cursor([*cursor.statement()], origin)
            while body.peek() and not (body.take("elements") and body.take("=")):
                body.skip(1)
            names.sets[*table, name] = names.values(body, table) if body.peek() else []
    return names
