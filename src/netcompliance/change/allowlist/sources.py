"""`--source [HOST=]NETWORK[,…]`: what the firewall sees a host come from, where that is not its own address (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_network

from netcompliance.change.allowlist.flows import bare_name
from netcompliance.config.validation import BadInput

EVERY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The networks of the hosts that a pattern fits."""

    pattern: str
    networks: tuple[str, ...]

    def fits(self, vantage: str) -> bool:
        """By its name, or as it was given to `--hosts`."""
        return fnmatchcase(vantage, self.pattern) or fnmatchcase(bare_name(vantage), self.pattern)


def parsed(options: Iterable[str]) -> tuple[Given, ...]:
    """Raises `BadInput`."""
    return tuple(_given(option) for option in options)


def _given(option: str) -> Given:
    pattern, mark, rest = option.rpartition("=")
    if mark and not pattern:
        raise BadInput(f"--source {option!r}: no host before '='")
    return Given(pattern=pattern or EVERY, networks=tuple(_network(each.strip(), option) for each in rest.split(",")))


def _network(text: str, option: str) -> str:
    try:
        net = ip_network(text)
    except ValueError:
        raise BadInput(f"--source {option!r}: {text!r} is not a network such as 10.20.0.0/24") from None
    if not net.prefixlen:
        raise BadInput(f"--source {option!r}: {text} is everybody")
    return str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)


def of(given: Iterable[Given], vantage: str) -> tuple[str, ...]:
    """Its networks: those of its own patterns, else those that are for every host; empty if none was given."""
    fitting = [each for each in given if each.fits(vantage)]
    own = [each for each in fitting if each.pattern != EVERY]
    return tuple(dict.fromkeys(net for each in own or fitting for net in each.networks))


def check(given: Iterable[Given], vantages: Iterable[str]) -> None:
    """Refuse a pattern that fits nobody: a typing error would ask for the wrong source. Raises `BadInput`."""
    known = list(vantages)
    for each in given:
        if not any(each.fits(vantage) for vantage in known):
            names = ", ".join(sorted({bare_name(vantage) for vantage in known}))
            raise BadInput(f"--source {each.pattern}=…: fits no host that was visited: {names}")
