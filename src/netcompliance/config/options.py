"""The command line. Imported in every pytest run on a machine where this package is installed: nothing heavy here."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from netcompliance.config.settings import Options

_TEXTS = (
    ("--profile", "FILE", "settings and waivers of the tenant (default: fixtures/tenants/<tenant>.toml, if there)"),
    ("--domain", "DOMAIN", "the tenants' parent domain (default: app.stackstate.io)"),
    ("--registry", "HOST[/PREFIX]", "where the images are pulled from, if not from quay.io"),
    ("--images", "FILE", "Helm values, rendered manifests or a plain list (default: the dated list in the package)"),
    ("--values", "FILE", "what the agent is configured with: Helm values or rendered manifests (and its images)"),
    (
        "--allow-list",
        "FILE",
        "what the network team approved: addresses and names, or nftables, iptables-save or NetworkPolicy rules",
    ),
    ("--baseline", "PATH|latest", "compare with an earlier run: its directory or journal, or the newest one before"),
    ("--watch", "DURATION", "watch every path for so long after the visit, and say: go or roll back (30m, 1h30m)"),
    (
        "--every",
        "DURATION",
        "probe each path so often during the watch (default: 100ms, more often for what is accepted)",
    ),
    ("--max-outage", "DURATION", "accept no interruption longer than this (default: 1s)"),
    ("--max-total", "DURATION", "accept no more interruption of a path than this, all together"),
    ("--quiet-after", "DURATION", "accept no interruption in so much time at the end of the watch"),
    ("--proxy", "URL", "an explicit proxy (default: the host's own environment)"),
    ("--sign", "KEY", "sign the evidence with this OpenSSH key (a file; with an agent, its .pub)"),
)


def add(parser: pytest.Parser) -> None:
    """Declare the options. `--hosts` is pytest-testinfra's, `--strict` pytest's own."""
    group = parser.getgroup("netcompliance", "network compliance of the StackState Agent")
    group.addoption(
        "--tenant",
        action="append",
        default=[],
        metavar="NAME",
        help="judge the network for this tenant, as in https://NAME.app.stackstate.io; repeatable. "
        "With --strict, an unmet 'should' counts like an unmet 'must'.",
    )
    for option, metavar, text in _TEXTS:
        group.addoption(option, metavar=metavar, dest=_dest(option), help=text)
    group.addoption(
        "--registry-mode",
        metavar="direct|proxy|copy",
        dest=_dest("--registry-mode"),
        help="how one's own registry gets the images: it proxies quay.io, or holds copies",
    )
    group.addoption(
        "--visits", metavar="N", dest=_dest("--visits"), help="visit so many of --hosts at once (default: 32)"
    )
    group.addoption(
        "--report-dir", metavar="DIR", dest=_dest("--report-dir"), default="reports", help="default: reports/"
    )
    group.addoption(
        "--fail-on-drift",
        action="store_true",
        dest=_dest("--fail-on-drift"),
        help="with --baseline: fail too if something changed underneath the verdicts",
    )
    group.addoption(
        "--export",
        action="append",
        default=[],
        metavar="FORMAT[=FILE]",
        dest=_dest("--export"),
        help="write the journal in another format too, beside it or to FILE; repeatable "
        "(netcompliance export --help lists the formats)",
    )
    group.addoption(
        "--level",
        metavar="must|should",
        dest=_dest("--level"),
        help="plan the requirements of this level only, and what they rest on",
    )


def read(config: pytest.Config) -> Options:
    """What was typed."""
    from netcompliance.config.settings import Options
    from netcompliance.model import HostOptions

    def text(option: str) -> str | None:
        value: str | None = config.getoption(_dest(option))
        return value

    return Options(
        tenants=tuple(config.getoption("--tenant")),
        hosts=HostOptions(**{each.name: config.getoption(each.name, None) for each in dataclasses.fields(HostOptions)}),
        visits=text("--visits"),
        profile=text("--profile"),
        domain=text("--domain"),
        registry=text("--registry"),
        registry_mode=text("--registry-mode"),
        images=text("--images"),
        values=text("--values"),
        allow_list=text("--allow-list"),
        proxy=text("--proxy"),
        sign=text("--sign"),
        baseline=text("--baseline"),
        fail_on_drift=bool(config.getoption(_dest("--fail-on-drift"))),
        watch=text("--watch"),
        every=text("--every"),
        max_outage=text("--max-outage"),
        max_total=text("--max-total"),
        quiet_after=text("--quiet-after"),
        report_dir=text("--report-dir") or "reports",
        exports=tuple(config.getoption(_dest("--export"))),
        level=text("--level"),
        strict=bool(config.getoption("strict", default=False)),
    )


def _dest(option: str) -> str:
    return "netcompliance_" + option.removeprefix("--").replace("-", "_")
