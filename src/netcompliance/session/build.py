"""What was typed, checked and put together to the runs of a session, before anything is looked at or written."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netcompliance import catalogue as catalogues
from netcompliance import exports, provenance
from netcompliance.catalogue import Catalogue
from netcompliance.config import credentials, settings
from netcompliance.config.options import Options, default
from netcompliance.config.validation import BadInput
from netcompliance.findings import Code
from netcompliance.journal import signature
from netcompliance.journal.redact import Redactor
from netcompliance.journal.signature import Key, SigningError
from netcompliance.judge import SHARED
from netcompliance.judge.watch import REQUIREMENT as WATCHED
from netcompliance.model import HERE, RECEIVER_PATHS, Case, Settings
from netcompliance.observations import SENT, VISIT
from netcompliance.probe import bundle
from netcompliance.session.plan import Plan, WatchHosts
from netcompliance.session.pytest_items import Session
from netcompliance.session.visit_collector import Look
from netcompliance.session.watch_basis import WatchBasis
from netcompliance.vantage import hosts as hosts_named
from netcompliance.vantage.hosts import Host
from netcompliance.vantage.records import NAMES
from netcompliance.vantage.visit import TenantVisit

if TYPE_CHECKING:
    from netcompliance.vantage.watch import Listener


def plan(options: Options, here: Path) -> Session:
    """Everything that was asked for, checked. Raises `BadInput`; writes nothing."""
    catalogue = catalogues.load()
    at_once = settings.visits(options)
    signing_key = _signing_key(options.sign)
    started = datetime.now(UTC)
    tenants = settings.tenants(options)
    if options.watch is not None and len(tenants) > 1:
        raise BadInput("--watch: one tenant at a time; watch another one in a run of its own, at the same time")
    directories = (here / "fixtures" / "tenants", _packaged_profiles())
    profiles = [settings.profile_of(tenant, options, directories) for tenant in tenants]
    key_variables = frozenset(map(credentials.key_variable, profiles))
    named = hosts_named.read(options.hosts, bundle.COMMAND, key_variables)
    configs = [
        settings.resolve(tenant, options, profile, len(named))
        for tenant, profile in zip(tenants, profiles, strict=True)
    ]
    passwords = [value for host in named for value in host.environment.values()]
    keys = [secret for each in configs for secret in each.secrets]
    redactor = Redactor(
        [*keys, *passwords], _words(catalogue, [each.settings for each in configs], [host.vantage for host in named])
    )
    wanted = exports.wanted(options.exports, len(tenants), here)
    plans = []
    for config in configs:
        cases = catalogues.expand(catalogue, config.settings, [host.vantage for host in named])
        asked = catalogues.expand(catalogue, replace(config.settings, level=None), [host.vantage for host in named])
        settings.check_waivers(config, asked)
        if config.settings.watch and not any(case.requirement == WATCHED for case in cases):
            raise BadInput(
                f"--level={config.settings.level} leaves out {WATCHED}, by which a watch is judged: leave one out"
            )
        hosts = _visited(named, cases, key_variables)
        plans.append(
            Plan(
                config=config,
                catalogue=catalogue,
                cases=tuple(cases),
                hosts=hosts,
                redactor=redactor,
                started=started,
                signer=signing_key.fingerprint if signing_key else None,
                watch_hosts=_watcher(hosts) if config.settings.watch else None,
            )
        )
    report_dir = here / (options.report_dir or default("report_dir"))
    _check_writable(report_dir)
    if options.baseline is not None:
        plans = [_against(options.baseline, report_dir, plan) for plan in plans]
    return Session(plans, report_dir, look=_looker(at_once), key=signing_key, wanted=wanted)


def redacted(text: str) -> str:
    """The text without the secrets that are known before anything is planned: those of the environment."""
    return Redactor(credentials.of_environment(os.environ)).text(text)


def _against(asked: str, report_dir: Path, plan: Plan) -> Plan:
    """The plan with the baseline that was asked for."""
    from netcompliance.session import baseline_check

    return replace(plan, baseline=baseline_check.find(asked, report_dir, plan.settings, plan.cases, plan.started))


def _signing_key(named: str | None) -> Key | None:
    """The key to sign with, after it has shown that it can: afterwards would be too late."""
    if named is None:
        return None
    try:
        return signature.key(Path(named))
    except SigningError as problem:
        raise BadInput(f"--sign {problem}") from None


def _visited(named: Sequence[Host], cases: Sequence[Case], keys: frozenset[str]) -> tuple[Host, ...]:
    """The hosts from which a case is asked: those that are named, and this machine if it is the workstation's turn."""
    by_vantage = {HERE: Host(vantage=HERE, keys=keys)} | {host.vantage: host for host in named}
    return tuple(by_vantage[vantage] for vantage in sorted({case.vantage for case in cases}))


def _looker(at_once: int) -> Look:
    def look(visits: Sequence[TenantVisit]) -> None:
        from netcompliance.vantage import visit

        visit.look(visits, at_once=at_once)

    return look


def _words(catalogue: Catalogue, planned: Sequence[Settings], vantages: Sequence[str]) -> str:
    """What a run is about, whatever its secrets are: a secret that is part of it is a word."""
    told = [f"{each.means} {each.fix} {each.ask} {each}" for each in Code]
    required = [f"{each.id} {each.says} {each.source}" for each in catalogue.requirements]
    endpoints = [f"{each.endpoint}{path}" for each in planned for path in RECEIVER_PATHS]
    ours = [*VISIT, *SENT, *NAMES, *SHARED]
    return json.dumps([*map(asdict, planned), *endpoints, *vantages, *ours, *told, *required], default=str)


def _watcher(hosts: Sequence[Host]) -> WatchHosts:
    by_vantage = {host.vantage: host for host in hosts}

    def watch(settings: Settings, basis: Mapping[str, WatchBasis], listener: Listener) -> None:
        from netcompliance.vantage import watch as watches

        chosen = {vantage: by_vantage[vantage] for vantage in basis}
        watches.watch(settings, chosen, basis, listener, f"netcompliance/{provenance.version()}")

    return watch


def _packaged_profiles() -> Path:
    package = Path(__file__).resolve().parents[1]
    installed = package / "fixtures"
    return (installed if installed.is_dir() else package.parent.parent / "fixtures") / "tenants"


def _check_writable(directory: Path) -> None:
    """Before anything is made: is there a directory, or a place for one, that can be written?"""
    nearest = next(each for each in (directory, *directory.parents) if each.exists())
    if not nearest.is_dir():
        raise BadInput(f"--report-dir {directory}: {nearest} is not a directory")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise BadInput(f"--report-dir {directory}: {nearest} cannot be written")
