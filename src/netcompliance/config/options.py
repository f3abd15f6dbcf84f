"""The command line: each option is declared once, as a field of `Options`. All else reads these declarations.

Imported in every pytest run on a machine where this package is installed: nothing heavy here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from netcompliance.model import HostOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What is to be known of an option, beside its value."""

    name: str
    help: str
    """With `{default}` where the default stands."""
    metavar: str | None = None
    """None: a switch, without a value."""
    default: str | None = None
    """As one would type it: what holds where neither the option nor the profile nor Helm values say anything."""
    profile: str | None = None
    """The key of a profile that says the same: `key` or `table.key`."""
    several: bool = False
    """Whether it may be typed more than once."""

    @property
    def dest(self) -> str:
        """Where pytest keeps the value."""
        return "tenant" if self.name == "--tenant" else f"netcompliance_{self.name[2:].replace('-', '_')}"


def _option(
    name: str,
    metavar: str | None,
    text: str,
    *,
    default: str | None = None,
    profile: str | None = None,
    shown: bool = True,
) -> Any:
    """An option with one value: `None`, if it was not typed."""
    declaration = Declaration(name=name, metavar=metavar, help=text, default=default, profile=profile)
    return field(default=None if metavar else False, repr=shown, metadata={"option": declaration})


def _options(name: str, metavar: str, text: str) -> Any:
    """An option that may be typed more than once: a tuple, in the order of the command line."""
    declaration = Declaration(name=name, metavar=metavar, help=text, several=True)
    return field(default=(), metadata={"option": declaration})


def _no_hosts() -> HostOptions:
    from netcompliance.model import HostOptions

    return HostOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line, as typed. What it comes to is in `settings`."""

    tenants: tuple[str, ...] = _options(
        "--tenant",
        "NAME",
        "judge the network for this tenant, as in https://NAME.app.stackstate.io; repeatable. "
        "With --strict, an unmet 'should' counts like an unmet 'must'.",
    )
    profile: str | None = _option(
        "--profile", "FILE", "settings and waivers of the tenant (default: fixtures/tenants/<tenant>.toml, if there)"
    )
    domain: str | None = _option(
        "--domain",
        "DOMAIN",
        "the tenants' parent domain (default: {default})",
        default="app.stackstate.io",
        profile="domain",
    )
    registry: str | None = _option(
        "--registry",
        "HOST[/PREFIX]",
        "where the images are pulled from, if not from {default}",
        default="quay.io",
        profile="registry.host",
    )
    images: str | None = _option(
        "--images",
        "FILE",
        "Helm values, rendered manifests or a plain list (default: the dated list in the package)",
        profile="images",
    )
    values: str | None = _option(
        "--values", "FILE", "what the agent is configured with: Helm values or rendered manifests (and its images)"
    )
    allow_list: str | None = _option(
        "--allow-list",
        "FILE",
        "what the network team approved: addresses and names, or nftables, iptables-save or NetworkPolicy rules",
        profile="allow_list",
    )
    baseline: str | None = _option(
        "--baseline",
        "PATH|latest",
        "compare with an earlier run: its directory or journal, or the newest one before",
    )
    watch: str | None = _option(
        "--watch",
        "DURATION",
        "watch every path for so long after the visit, and say: go or roll back (30m, 1h30m)",
    )
    every: str | None = _option(
        "--every",
        "DURATION",
        "probe each path so often during the watch (default: {default}, more often for what is accepted)",
        default="100ms",
        profile="watch.every",
    )
    max_outage: str | None = _option(
        "--max-outage",
        "DURATION",
        "accept no interruption longer than this (default: {default})",
        default="1s",
        profile="watch.max_outage",
    )
    max_total: str | None = _option(
        "--max-total",
        "DURATION",
        "accept no more interruption of a path than this, all together",
        profile="watch.max_total",
    )
    quiet_after: str | None = _option(
        "--quiet-after",
        "DURATION",
        "accept no interruption in so much time at the end of the watch",
        profile="watch.quiet_after",
    )
    proxy: str | None = _option(
        "--proxy",
        "URL",
        "an explicit proxy (default: the host's own environment)",
        profile="proxy.url",
        shown=False,
    )
    """May hold a password, which is then refused."""
    sign: str | None = _option(
        "--sign", "KEY", "sign the evidence with this OpenSSH key (a file; with an agent, its .pub)"
    )
    registry_mode: str | None = _option(
        "--registry-mode",
        "direct|proxy|copy",
        "how one's own registry gets the images: it proxies quay.io, or holds copies",
        profile="registry.mode",
    )
    visits: str | None = _option("--visits", "N", "visit so many of --hosts at once (default: {default})", default="32")
    report_dir: str | None = _option("--report-dir", "DIR", "default: {default}/", default="reports")
    fail_on_drift: bool = _option(
        "--fail-on-drift",
        None,
        "with --baseline: fail too if something changed underneath the verdicts",
        profile="comparison.fail_on_drift",
    )
    exports: tuple[str, ...] = _options(
        "--export",
        "FORMAT[=FILE]",
        "write the journal in another format too, beside it or to FILE; repeatable "
        "(netcompliance export --help lists the formats)",
    )
    level: str | None = _option(
        "--level", "must|should", "plan the requirements of this level only, and what they rest on"
    )
    strict: bool = False
    """pytest's own."""
    hosts: HostOptions = field(default_factory=_no_hosts)
    """pytest-testinfra's: `--hosts` and its companions."""


DECLARED: dict[str, Declaration] = {
    each.name: each.metadata["option"] for each in dataclasses.fields(Options) if "option" in each.metadata
}
"""The options that are declared here, by the field that holds the value, in the order of `--help`."""


def default(name: str) -> str:
    """The default of the option that this field of `Options` declares, as one would type it."""
    found = DECLARED[name].default
    assert found is not None, name
    return found


def add(parser: pytest.Parser) -> None:
    """Declare the options to pytest. It keeps no default: what was not typed may stand in the profile."""
    group = parser.getgroup("netcompliance", "network compliance of the StackState Agent")
    for each in DECLARED.values():
        how: dict[str, Any] = {"action": "store_true"} if each.metavar is None else {"metavar": each.metavar}
        if each.several:
            how |= {"action": "append", "default": []}
        text = each.help.replace("{default}", each.default or "")
        group.addoption(each.name, dest=each.dest, help=text, **how)


def read(config: pytest.Config) -> Options:
    """What was typed."""
    from netcompliance.model import HostOptions

    typed: dict[str, Any] = {name: config.getoption(each.dest) for name, each in DECLARED.items()}
    typed |= {name: tuple(typed[name]) for name, each in DECLARED.items() if each.several}
    return Options(
        **typed,
        hosts=HostOptions(**{each.name: config.getoption(each.name, None) for each in dataclasses.fields(HostOptions)}),
        strict=bool(config.getoption("strict", default=False)),
    )
