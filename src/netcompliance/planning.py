"""What was typed, checked and put together to the runs of a session, before anything is looked at or written."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from netcompliance import catalogue as catalogues
from netcompliance import exports, made, settle
from netcompliance.inputs import BadInput
from netcompliance.looking import Look
from netcompliance.model import HERE, Case, Settings
from netcompliance.probe import bundle
from netcompliance.report import signature
from netcompliance.report.redact import Redactor
from netcompliance.report.signature import Key, Unsigned
from netcompliance.run import Run, Watch
from netcompliance.session import Session
from netcompliance.settle import Options
from netcompliance.vantage import hosts as hosts_named
from netcompliance.vantage.hosts import Host
from netcompliance.vantage.visit import Errand
from netcompliance.watching import Watching


def plan(options: Options, here: Path) -> Session:
    """Everything that was asked for, checked. Raises `BadInput`; writes nothing."""
    catalogue = catalogues.load()
    named = hosts_named.read(options.hosts, bundle.COMMAND)
    at_once = settle.visits(options)
    signing_key = _signing_key(options.sign)
    profiles = (here / "fixtures" / "tenants", _packaged_profiles())
    at = datetime.now(UTC)
    look = _looker(at_once)
    signer = signing_key.fingerprint if signing_key else None
    runs: list[Run] = []
    tenants = settle.tenants(options)
    if options.watch is not None and len(tenants) > 1:
        raise BadInput("--watch: one tenant at a time; watch another one in a run of its own, at the same time")
    passwords = [value for host in named for value in host.environment.values()]
    keys = [secret for tenant in tenants for secret in settle.secrets(tenant, options, profiles, os.environ)]
    redactor = Redactor([*keys, *passwords])
    wanted = exports.wanted(options.exports, len(tenants), here)
    for tenant in tenants:
        settings = settle.settings(tenant, options, profiles)
        cases = catalogues.expand(catalogue, settings, [host.vantage for host in named], settle.level(options))
        asked = catalogues.expand(catalogue, settings, [host.vantage for host in named])
        settle.check_waivers(settings.waivers, asked, settle.profile_path(tenant, options, profiles))
        key = settle.key(tenant, options, profiles, os.environ)
        settle.check_rate(settings, len(named))
        hosts = _visited(named, cases)
        runs.append(
            Run(
                settings,
                catalogue,
                cases,
                look=look,
                hosts=hosts,
                key=key,
                watch=_watcher(hosts) if settings.watch else None,
                redactor=redactor,
                at=at,
                signer=signer,
            )
        )
    report_dir = here / options.report_dir
    _check_writable(report_dir)
    if options.baseline is not None:
        from netcompliance import against

        for run in runs:
            run.against = against.find(options.baseline, report_dir, run.settings, run.cases, run.started)
    return Session(runs, report_dir, signing_key, wanted)


def _signing_key(named: str | None) -> Key | None:
    """The key to sign with, after it has shown that it can: afterwards would be too late."""
    if named is None:
        return None
    try:
        return signature.key(Path(named))
    except Unsigned as problem:
        raise BadInput(f"--sign {problem}") from None


def _visited(named: Sequence[Host], cases: Sequence[Case]) -> tuple[Host, ...]:
    """The hosts from which a case is asked: those that are named, and this machine if it is the workstation's turn."""
    by_vantage = {Host(vantage=HERE).vantage: Host(vantage=HERE)} | {host.vantage: host for host in named}
    return tuple(by_vantage[vantage] for vantage in sorted({case.vantage for case in cases}))


def _looker(at_once: int) -> Look:
    def look(errands: Sequence[Errand]) -> None:
        from netcompliance.vantage import visit

        visit.look(errands, at_once=at_once)

    return look


def _watcher(hosts: Sequence[Host]) -> Watch:
    by_vantage = {host.vantage: host for host in hosts}

    def watch(settings: Settings, addresses: Mapping[str, Collection[str]], listener: Watching) -> None:
        from netcompliance.vantage import watch as watches

        chosen = {vantage: by_vantage[vantage] for vantage in addresses}
        watches.watch(settings, chosen, addresses, listener, f"netcompliance/{made.version()}")

    return watch


def _packaged_profiles() -> Path:
    package = Path(__file__).resolve().parent
    installed = package / "fixtures"
    return (installed if installed.is_dir() else package.parent.parent / "fixtures") / "tenants"


def _check_writable(directory: Path) -> None:
    """Before anything is made: is there a directory, or a place for one, that can be written?"""
    nearest = next(each for each in (directory, *directory.parents) if each.exists())
    if not nearest.is_dir():
        raise BadInput(f"--report-dir {directory}: {nearest} is not a directory")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise BadInput(f"--report-dir {directory}: {nearest} cannot be written")
