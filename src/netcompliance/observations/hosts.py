"""What is seen of the host itself, and what the probe says of its own work."""

from __future__ import annotations

from collections.abc import Mapping

from netcompliance.observations.kinds import Seen
from netcompliance.observations.record import Record, many, maybe, one, part
from netcompliance.observations.values import (
    COUNT,
    FLAG,
    LINE,
    LINES,
    NAME,
    PLACE,
    PLACE_OF_LINE,
    PLACES,
    PORT,
    PROXY,
    SENTENCE,
    TEXT,
    WORD,
    Type,
    named,
    row,
    several,
    words,
)


class Trust(Record):
    """The host's trust store."""

    source: str | None = one(LINE)
    certificates: int | None = maybe(COUNT)


class KeyFound(Record):
    """Where an API key was found."""

    from_: str | None = one(LINE)


class Host(Seen, kind="host", per="vantage", needs="hostname platform nameservers"):
    """Who looked."""

    hostname: str | None = one(NAME)
    system: str | None = one(SENTENCE, "distribution and kernel")
    machine: str | None = one(NAME)
    platform: str | None = one(NAME, "OCI: `linux/amd64`")
    python: str | None = one(SENTENCE)
    openssl: str | None = one(SENTENCE)
    user: str | None = maybe(NAME)
    uid: int | None = maybe(COUNT)
    resolv_conf: str | None = maybe(TEXT, "text")
    nameservers: tuple[str, ...] | None = one(PLACES)
    search: tuple[str, ...] = many(LINES)
    options: tuple[str, ...] = many(LINES)
    hosts_entries: tuple[str, ...] = many(LINES, "lines of the hosts file that name a target")
    proxies: Mapping[str, str] | None = one(named(LINE), "variable → URL without user information")
    trust: Trust | None = maybe(part(Trust))
    system_trust: str | None = one(SENTENCE, "where OpenSSL and curl look")
    source_address: str | None = maybe(PLACE, "towards the tenant, `null` if unknown")
    source_address6: str | None = maybe(PLACE)
    container: bool | None = one(FLAG, "bool")
    kubernetes: bool | None = one(FLAG, "bool: in a pod")
    runtime: bool | None = one(FLAG, "bool: it runs containers itself")
    pod: Mapping[str, str] | None = maybe(
        named(SENTENCE, null=True), '`null`, or `{"pod", "namespace", "node"}` as far as they are known'
    )
    interpreter: str | None = maybe(SENTENCE, "path")
    key: KeyFound | None = maybe(part(KeyFound), "an API key was found there")
    connection: str | None = one(
        LINE,
        "by the controller: `local`, `ssh`, `podman`, …; for a host of an inventory, what it resolves to",
        by_host=False,
    )


class Readings(Record):
    """Whether each client uses the proxy."""

    go: bool | None = one(FLAG)
    curl: bool | None = one(FLAG)
    python: bool | None = one(FLAG)


class Setting(Record, needs="names agent"):
    """What the proxy variables mean."""

    names: tuple[str, ...] = many(LINES, "that are set")
    agent: str | None = maybe(Type(LINE.admit, LINE.decode, words("dials", "misreads", "drops").schema))
    trouble: str | None = maybe(LINE)
    agent_takes: str | None = maybe(LINE, "the variable that the agent takes")
    agent_place: str | None = maybe(PLACE_OF_LINE, "its `host:port`; missing where it would be a part of the login")
    curl_takes: str | None = maybe(LINE, "the one that curl takes")
    curl_place: str | None = maybe(PLACE_OF_LINE, "likewise")
    meant: str | None = maybe(PROXY, "the proxy that is")
    character: str | None = maybe(LINE, "that is not encoded")
    pac: bool | None = one(FLAG, "the URL names a PAC file")


class Route(Seen, kind="route", per="host and port", needs="host proxy"):
    """Which way connections take. `proxy` is `misread://proxy` where the agent takes another host for it than is meant:
    nobody dials that."""

    proxy: str | None = maybe(PROXY, "URL without user information or `null`")
    source: str | None = maybe(LINE, "`plan`, a variable's name, `null`")
    no_proxy: str | None = maybe(LINE)
    readings: Readings | None = one(part(Readings), "does each client use the proxy")
    setting: Setting | None = maybe(part(Setting), "what the variables mean; `null` where the plan declares the proxy")


_CONNECTION = row(NAME, PORT, NAME, PORT, WORD)


class Sockets(Seen, kind="sockets", per="visit", needs="error"):
    """The host's tables of connections."""

    samples: int | None = one(COUNT)
    listening: tuple[tuple[str, int], ...] = many(several(row(NAME, PORT)), "list of `[address, port]`")
    connections: tuple[tuple[str, int, str, int], ...] = many(
        several(Type(_CONNECTION.admit, row(NAME, PORT, NAME, PORT).decode, _CONNECTION.schema)),
        "those with the tenant's addresses, unless the address is the host's own: `[local, port, remote, port, state]`",
    )
    own: tuple[int, ...] = many(several(PORT), "our own ports among them: the positive control")


class Syn(Seen, kind="syn", per="visit", needs="error"):
    """SYN packets without ACK between host and tenant, in `seconds`; `UNSUPPORTED` without the right to listen."""

    seen: tuple[tuple[str, int, str, int, int], ...] = many(
        several(row(NAME, PORT, NAME, PORT, COUNT)), "list of `[source, port, destination, port, count]`"
    )
    own: bool | None = maybe(FLAG, "was one of ours seen")


class Firewall(Seen, kind="firewall", per="tool", needs="tool error"):
    """The host's firewall rules."""

    tool: str | None = one(
        WORD, "`nft`, `iptables`, `ip6tables`, those two with `-legacy` or `-nft`, `ipset`, `kernel`"
    )
    rules: str | None = maybe(
        TEXT,
        "text: nft's JSON, iptables-save, ipset save; of `kernel` the names of its tables, one a line, with their kind",
    )


class Fault(Seen, kind="fault", per="defect of the probe's own"):
    """`error` says what went wrong in the probe itself."""


class Probe(Seen, kind="probe", per="visit", needs="finished"):
    """The probe's last word."""

    finished: bool | None = one(FLAG, "bool; false if the visit's deadline cut it")
    unfinished: tuple[str, ...] = many(LINES, "task names")
    records: int | None = one(COUNT, "how many came before it; by the controller, if the probe does not say so")
    with_: str | None = one(Type(WORD.admit, WORD.decode, {"const": "sh"}), "`sh` where a shell did the looking")
    tools: tuple[str, ...] = many(LINES, "what that shell had")


class Unseen(Seen, kind="unseen", per="thing left out", needs="what reason remedy"):
    """By the shell probe: what it cannot look at."""

    what: str | None = one(
        WORD,
        "could not be looked at: `tcp`, `shares`, `connect-times`, `tls`, `chain`, `large-hello`, `small-segments`, "
        "`http`, `registry`, `proxy`, `resolve`, `dns`, `sockets`, `syn`; `everything` without /proc",
    )
    reason: str | None = one(SENTENCE)
    remedy: str | None = one(SENTENCE)
