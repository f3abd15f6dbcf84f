"""The closed list of what is understood of a rule: fields that it matches, and statements that it makes.

Theory. Each parser brings its tool's words down to the names here. A field whose name is not here may match anything,
a statement whose name is not here may do anything. A field that is here can only make a rule narrower; with some of
them one can also compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from itertools import chain, combinations

SOURCES = frozenset({"saddr", "original saddr", "reply daddr"})
"""Fields that are the source of what comes in."""
COMPUTED = SOURCES | {
    "daddr", "dport", "protocol", "version", "state", "status", "direction", "first packet", "iif", "oif",
}  # fmt: skip
"""Fields whose values are kept. `first packet`: which first packets of a TCP connection have the flags asked for."""
INTERFACES = frozenset({"iif", "oif"})
"""Which interface leads where, only the machine knows."""
RATE = "rate"
"""What only some packets of a connection meet."""
PORTED = frozenset({"tcp", "udp"})

HEADERS = frozenset(
    {
        "ether", "vlan", "arp", "ip", "ip6", "icmp", "icmpv6", "igmp", "tcp", "udp", "udplite", "th", "sctp", "dccp",
        "ah", "esp", "comp",
    }
)  # fmt: skip
_METAS = frozenset(
    {
        "iiftype", "oiftype", "iifgroup", "pkttype", "length", "skuid", "skgid", "time", "day", "hour",
    }
)  # fmt: skip
_CONNTRACK = frozenset({"expiration", "helper", "l3proto", "protocol", "proto-src", "proto-dst"})
_OTHERS = frozenset(
    {
        RATE, "share", "quota", "fib", "exthdr", "sport", "ports", "address type", "packet type", "fragment", "set",
        "connection",
    }
)  # fmt: skip
_SAME = {
    "ip saddr": "saddr", "ip6 saddr": "saddr", "ip daddr": "daddr", "ip6 daddr": "daddr",
    **{f"{each} dport": "dport" for each in ("tcp", "udp", "th", "sctp", "dccp", "udplite")},
    "ip protocol": "protocol", "ip6 nexthdr": "protocol", "meta l4proto": "protocol",
    "meta nfproto": "version", "meta protocol": "version", "ct state": "state", "ct status": "status",
    "ct direction": "direction",
    "meta iif": "iif", "meta iifname": "iif", "meta oif": "oif", "meta oifname": "oif",
}  # fmt: skip
_IMPLIED = {
    "ip": ("version", "4"),
    "ip6": ("version", "6"),
    **{each: ("protocol", each) for each in ("tcp", "udp", "sctp", "dccp", "udplite", "icmp", "icmpv6")},
}
_VERSIONS = {"ipv4": "4", "ip": "4", "ipv6": "6", "ip6": "6"}
_STATES = {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64}
_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "ece": 64, "cwr": 128, "all": 63}
_ODD = [2 + sum(some) for some in chain.from_iterable(combinations((8, 32, 64, 128), n) for n in range(1, 5))]
"""The flags of first packets that hardly anybody sends."""
PLAIN, ODD = "plain", "odd"
REPLIES = frozenset({"established", "related", "invalid"})
MARKS = frozenset({"meta mark", "ct mark", "mark", "connmark", "--mark", "xt mark", "xt connmark"})
"""Fields by which a rule looks at a mark: what that means, the rule says that sets it."""
KNOWN_BEFORE = frozenset({"seen-reply", "assured", "confirmed", "dying"})
"""What the status of a connection says once its first packet is through."""
LOOPBACK = "lo"


class NotKnown(Exception):
    """What stands in a rule is not known, and why."""

    def __init__(self, text: str = "a value that is not followed here") -> None:
        super().__init__(text)


class Effect(Enum):
    """What a statement does to a packet."""

    NOTHING = auto()
    """The next statement is asked."""
    ACCEPT = auto()
    DROP = auto()
    RETURN = auto()
    CONTINUE = auto()
    """The next rule is asked, which of a verdict map's elements spares some packets the others."""
    JUMP = auto()
    GOTO = auto()
    QUEUE = auto()
    """A program decides."""
    DIVERT = auto()
    """It goes to another address or port."""
    UNTRACK = auto()
    """It is taken out of connection tracking."""
    ALTER = auto()
    """Something in it changes that other rules may look at."""
    MARK = auto()
    """It gets a mark. A rule that looks at marks and lets in is not understood, and one that drops is."""


MARK_BY_SOURCE = "mark by source"
"""A mark that is computed from where the packet comes from."""
STATEMENTS = {
    **dict.fromkeys(
        ("counter", "log", "comment", "mangle", "last", "set", "ct helper", "flow", "dup", "snat", "masquerade"),
        Effect.NOTHING,
    ),
    "accept": Effect.ACCEPT,
    "drop": Effect.DROP,
    "reject": Effect.DROP,
    "return": Effect.RETURN,
    "continue": Effect.CONTINUE,
    "jump": Effect.JUMP,
    "goto": Effect.GOTO,
    "queue": Effect.QUEUE,
    **dict.fromkeys(("dnat", "redirect", "tproxy", "netmap"), Effect.DIVERT),
    "notrack": Effect.UNTRACK,
    "alter": Effect.ALTER,
    **dict.fromkeys(("mark", MARK_BY_SOURCE), Effect.MARK),
}
"""nft's names, which are also those of iptables' targets in small letters where both have it."""

TARGETS = {
    **{
        each.upper(): each
        for each in ("accept", "drop", "reject", "return", "log", "dnat", "redirect", "tproxy", "netmap", "snat",
                     "masquerade", "notrack", "queue", "set")
    },
    "NFQUEUE": "queue",
    "NFLOG": "log",
    "ULOG": "log",
    "TEE": "dup",
    **dict.fromkeys(
        ("AUDIT", "CHECKSUM", "CLASSIFY", "CONNSECMARK", "CT", "DSCP", "ECN", "IDLETIMER",
         "LED", "RATEEST", "SECMARK", "TCPMSS", "TCPOPTSTRIP", "TOS", "TRACE"),
        "mangle",
    ),
    **dict.fromkeys(("HL", "TTL"), "alter"),
    **dict.fromkeys(("MARK", "CONNMARK"), "mark"),
    "HMARK": MARK_BY_SOURCE,
}  # fmt: skip
"""iptables' targets → statements. Any other target is a chain."""

OPTIONS = {
    **dict.fromkeys(("-s", "--source", "--src", "--src-range"), ("saddr", 1)),
    **dict.fromkeys(("-d", "--destination", "--dst", "--dst-range"), ("daddr", 1)),
    **dict.fromkeys(("-p", "--protocol"), ("protocol", 1)),
    **dict.fromkeys(("--dport", "--dports", "--destination-port", "--destination-ports"), ("dport", 1)),
    **dict.fromkeys(("--sport", "--sports", "--source-port", "--source-ports"), ("sport", 1)),
    "--ports": ("ports", 1),
    **dict.fromkeys(("-i", "--in-interface"), ("iif", 1)),
    **dict.fromkeys(("-o", "--out-interface"), ("oif", 1)),
    **dict.fromkeys(("--state", "--ctstate"), ("state", 1)),
    "--ctdir": ("direction", 1),
    "--ctorigsrc": ("original saddr", 1),
    "--ctrepldst": ("reply daddr", 1),
    **dict.fromkeys(
        ("--ctproto", "--ctorigdst", "--ctreplsrc", "--ctorigsrcport", "--ctorigdstport", "--ctreplsrcport",
         "--ctrepldstport", "--ctexpire"),
        ("connection", 1),
    ),
    "--ctstatus": ("status", 1),
    "--syn": ("first packet", 0),
    "--tcp-flags": ("first packet", 2),
    "--tcp-option": ("tcp option", 1),
    "--chunk-types": ("sctp chunk", 2),
    **dict.fromkeys(("--icmp-type", "--icmpv6-type"), ("icmp type", 1)),
    **dict.fromkeys(("--limit", "--hashlimit", "--hashlimit-upto", "--hashlimit-above"), (RATE, 1)),
    **dict.fromkeys(("--probability", "--every"), ("share", 1)),
    **dict.fromkeys(("--src-type", "--dst-type"), ("address type", 1)),
    **dict.fromkeys(("--limit-iface-in", "--limit-iface-out"), ("address type", 0)),
    **dict.fromkeys(("--loose", "--validmark", "--accept-local", "--invert"), ("fib", 0)),
    **dict.fromkeys(("--ttl-eq", "--ttl-lt", "--ttl-gt"), ("ip ttl", 1)),
    **dict.fromkeys(("--hl-eq", "--hl-lt", "--hl-gt"), ("ip6 hoplimit", 1)),
    **dict.fromkeys(("--rt-type", "--rt-segsleft", "--rt-len"), ("exthdr", 1)),
    "--pkt-type": ("packet type", 1),
    "--match-set": ("set", 2),
    **dict.fromkeys(("-f", "--fragment"), ("fragment", 0)),
    **dict.fromkeys(
        ("-m", "--match", "--comment", "--limit-burst", "--hashlimit-burst", "--hashlimit-mode", "--hashlimit-srcmask",
         "--hashlimit-dstmask", "--hashlimit-name", "--hashlimit-htable-size", "--hashlimit-htable-max",
         "--hashlimit-htable-expire", "--hashlimit-htable-gcinterval", "--reject-with", "--log-prefix", "--log-level",
         "--mode", "--packet"),
        ("", 1),
    ),
    "-c": ("", 2),
    "--hashlimit-rate-match": ("", 0),
    **dict.fromkeys(("-4", "-6", "--ipv4", "--ipv6"), ("version", 0)),
}  # fmt: skip
"""iptables' options → field (none for what limits nothing), and how many words follow."""
MODULES = frozenset(
    {
        "tcp", "udp", "sctp", "icmp", "icmp6", "ipv6-icmp", "conntrack", "state", "comment", "limit", "hashlimit",
        "multiport", "addrtype", "pkttype", "iprange", "set", "rpfilter", "ttl", "hl", "rt", "statistic",
    }
)  # fmt: skip
"""iptables' modules of which `OPTIONS` has every option."""


def field_of(words: str) -> str:
    """The name of a field as nft writes it: `ip saddr`, `meta l4proto`, `ct state`."""
    return _SAME.get(words, words)


def implied_by(words: str) -> tuple[str, str] | None:
    """Field and value that a packet must have to have this field at all; `None` if its values say so, or nothing."""
    return None if field_of(words) in ("saddr", "daddr") else _IMPLIED.get(words.partition(" ")[0])


def is_known(field: str) -> bool:
    """Is it on the list?"""
    head, _, key = field.partition(" ")
    return (
        field in COMPUTED
        or field in _OTHERS
        or (head in HEADERS and bool(key))
        or (head == "meta" and key in _METAS)
        or (head == "ct" and key in _CONNTRACK)
    )


def setting(words: str, *, by_source: bool = False) -> str:
    """The statement that sets a field, by the field's name as nft writes it; `by_source`: to what the source says.

    Whose addresses or ports are set, of that packet nothing more is known.
    """
    if field_of(words) in COMPUTED:
        return f"{words} set"
    if words in MARKS:
        return MARK_BY_SOURCE if by_source else "mark"
    return "mangle" if words.startswith(("meta ", "ct ")) and not is_known(words) else "alter"


_HARMLESS = (Effect.NOTHING, Effect.UNTRACK, Effect.ALTER, Effect.MARK)


def of_xt(target: str) -> str:
    """The statement of a target of iptables that nft shows by its name alone. Known is only what decides nothing."""
    found = "notrack" if target == "CT" else TARGETS.get(target, "")
    return found if STATEMENTS.get(found) in _HARMLESS else f"xt {target}"


def operator_of(op: str, fields: tuple[str, ...], joint: str = "") -> str:
    """A comparison's operator as matches have it; empty if it is not followed.

    `joint` is what stands between several values. States with commas between them are bits: any of them (`in`, or no
    operator), or none (`!`). With bars, `==` or `!=` they are compared as a whole, and no packet has several.
    """
    if joint == "|" or (joint and op in ("==", "!=") and fields in (("state",), ("status",))):
        return ""
    found = {"": "==", "in": "==", "!": "!="}.get(op, op)
    return found if found in ("==", "!=", "<", ">", "<=", ">=") else ""


def why_unknown(fields: tuple[str, ...]) -> str:
    """Why values of these fields together are not followed; empty if they are."""
    return "flags that are not followed here" if len(fields) > 1 and "tcp flags" in fields else ""


def canonical(fields: tuple[str, ...], parts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """A value of some fields by the usual names of its parts; of one field as often as it has some. Raises `NotKnown`.

    A part of a field that is not computed with is empty.
    """
    words = [*parts] if parts != ["*"] else ["*"] * len(fields)
    if len(words) != len(fields):
        raise NotKnown
    found = [_named(field, word) if field in COMPUTED else ("",) for field, word in zip(fields, words, strict=True)]
    if len(fields) > 1 and any(len(each) > 1 for each in found):
        raise NotKnown
    return tuple(zip(*found, strict=True))


def _named(field: str, word: str) -> tuple[str, ...]:
    if field == "version":
        if word not in _VERSIONS and _number(word) is not None:
            raise NotKnown
        return (_VERSIONS.get(word, word),)
    if field in ("direction", "state", "status"):
        word = word.lower().replace("_", "-")
    number = _number(word) if field == "state" else None
    return tuple(name for name, bit in _STATES.items() if (number or 0) & bit) or (word,)


def first_packets(op: str, mask: str, values: tuple[str, ...]) -> tuple[tuple[str], ...] | None:
    """Which first packets of a connection have flags such as these: `PLAIN`, `ODD`; `None` if the words say nothing.

    `in` wants one of a value's flags, `!` none, `==` and `!=` compare all those of `mask`.
    """
    bits = _bits(mask) if mask else 255
    wanted = [_bits(value) for value in values]
    if bits is None or None in wanted or op not in ("in", "!", "==", "!="):
        return None

    def fits(flags: int) -> bool:
        if op in ("in", "!"):
            return any(flags & (each or 0) for each in wanted) == (op == "in")
        return (flags & bits in wanted) == (op == "==")

    return tuple((name,) for name, some in ((PLAIN, [2]), (ODD, _ODD)) if any(map(fits, some)))


def _bits(flags: str) -> int | None:
    """Flags with commas or bars between them, as a number."""
    found = 0
    for word in flags.lower().replace("|", ",").split(","):
        bit = _FLAGS.get(word.strip(), 0 if word.strip() in ("", "none") else _number(word.strip()))
        if bit is None:
            return None
        found |= bit
    return found


def _number(word: str) -> int | None:
    try:
        return int(word, 0)
    except ValueError:
        return None
