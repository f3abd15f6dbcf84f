"""iptables-save and ip6tables-save, also what `iptables-restore` takes (pure)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from netcompliance.approved.ruleset import SOMETIMES, Chain, Match, Place, Rule
from netcompliance.inputs import BadInput

_HOOKS = {"FORWARD": "forward", "OUTPUT": "output", "INPUT": "input"}
_FIELDS = {
    "-s": "saddr", "--source": "saddr", "--src": "saddr", "--src-range": "saddr",
    "-d": "daddr", "--destination": "daddr", "--dst": "daddr", "--dst-range": "daddr",
    "-p": "protocol", "--protocol": "protocol",
    "--dport": "dport", "--dports": "dport", "--destination-port": "dport", "--destination-ports": "dport",
    "--state": "state", "--ctstate": "state",
}  # fmt: skip
_PASSED_OVER = {
    "-m": 1, "--match": 1, "--comment": 1, "--limit-burst": 1, "--reject-with": 1,
    "-c": 2, "-4": 0, "-6": 0, "--log-prefix": 1, "--log-level": 1, "-i": 1, "--in-interface": 1,
}  # fmt: skip
"""Options that limit neither destination, source nor port → how many words they take."""
_SOMETIMES = {"--limit": 1, "--syn": 0, "--tcp-flags": 2}
_OUTWARD = ("-o", "--out-interface")
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "REJECT": "drop", "RETURN": "return"}
_SILENT = frozenset({"LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "TCPMSS", "CT", "NOTRACK"})
"""Targets after which the next rule is asked."""
_LINE = re.compile(r"(?:\[\d+:\d+\]\s+)?(?:-[46]\s+)?(?P<how>-[AI]|--append|--insert)\s+(?P<chain>\S+)\s*(?P<rest>.*)")


def read(text: str, origin: str) -> dict[Place, Chain]:
    """The chains of the filter table. Raises `BadInput` with the line of what cannot be read."""
    chains: dict[Place, Chain] = {}
    table = "filter"
    for number, raw in enumerate(text.splitlines(), start=1):
        line, where = raw.strip(), f"{origin}:{number}"
        if line.startswith("*"):
            table = line[1:]
        elif not line or line.startswith("#") or line == "COMMIT" or table != "filter":
            continue
        elif line.startswith(":"):
            name, policy, *_ = [*line[1:].split(), "-", "-"]
            chain = _chain(chains, name, where)
            chain.where, chain.policy = where, "drop" if policy == "DROP" else "accept"
        elif match := _LINE.fullmatch(line):
            rules = _chain(chains, match["chain"], where).rules
            inserted = match["how"] in ("-I", "--insert")
            rules.insert(0 if inserted else len(rules), _rule(match["rest"], where))
        else:
            raise BadInput(f"{where}: no line of iptables-save")
    return chains


def _chain(chains: dict[Place, Chain], name: str, where: str) -> Chain:
    return chains.setdefault(("ip", "filter", name), Chain(where=where, hook=_HOOKS.get(name, "")))


def _rule(text: str, where: str) -> Rule:
    try:
        words = shlex.split(text)
    except ValueError:
        raise BadInput(f"{where}: a quotation mark without its partner") from None
    target = _target(words)
    return Rule(
        where=where,
        matches=tuple(_matches(words, where)),
        verdict=_VERDICTS.get(target, "jump" if target and target not in _SILENT else ""),
        target="" if target in _VERDICTS or target in _SILENT else target,
    )


def _target(words: Sequence[str]) -> str:
    places = [index for index, word in enumerate(words[:-1]) if word in ("-j", "-g", "--jump", "--goto")]
    return words[places[0] + 1] if places else ""


def _matches(words: Sequence[str], where: str) -> Iterator[Match]:
    index, negated = 0, False
    while index < len(words):
        word = words[index]
        value = words[index + 1] if index + 1 < len(words) else ""
        if word == "!":
            negated, index = True, index + 1
            continue
        if word in _FIELDS:
            if not value:
                raise BadInput(f"{where}: {word} without a value")
            values = tuple((part,) for part in value.split(","))
            text = f"{'! ' if negated else ''}{word} {value}"
            yield Match(fields=(_FIELDS[word],), values=values, negated=negated, text=text)
        elif word in _SOMETIMES:
            yield SOMETIMES
        elif word in _OUTWARD:
            if value == "lo":
                yield Match(fields=("loopback",), negated=negated)
        elif word not in _PASSED_OVER and word not in ("-j", "-g", "--jump", "--goto"):
            yield Match(fields=(word,), text=f"{word} {value}".strip())
            while index + 1 < len(words) and not words[index + 1].startswith(("-", "!")):
                index += 1
            index, negated = index + 1, False
            continue
        takes = _SOMETIMES.get(word, _PASSED_OVER.get(word, 1))
        index, negated = index + 1 + takes, False
