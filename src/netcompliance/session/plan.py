"""What one tenant's run is going to ask, from where, and with what: all that is known before anybody looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from netcompliance.catalogue import Catalogue
from netcompliance.config.settings import TenantConfig
from netcompliance.journal.redact import Redactor
from netcompliance.judge.watch import REQUIREMENT
from netcompliance.model import AskedFrom, Case, Requirement, Settings, Verdict

if TYPE_CHECKING:
    from netcompliance.session.baseline_check import BaselineCheck
    from netcompliance.session.watch_basis import WatchBasis
    from netcompliance.vantage.hosts import Host
    from netcompliance.vantage.watch import Listener

WatchHosts = Callable[["Settings", "Mapping[str, WatchBasis]", "Listener"], None]
"""Watches from these vantages (with what each has seen), and tells whoever listens."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The plan of one tenant's run. Nothing of it changes."""

    config: TenantConfig
    catalogue: Catalogue
    cases: tuple[Case, ...]
    hosts: tuple[Host, ...]
    redactor: Redactor
    started: datetime
    signer: str | None = None
    """Fingerprint of the key that will sign what the run leaves."""
    watch_hosts: WatchHosts | None = None
    """None: no watch was asked for."""
    baseline: BaselineCheck | None = None
    """The baseline that the run is held against."""

    @property
    def settings(self) -> Settings:
        """What the run was told."""
        return self.config.settings

    @property
    def tenant(self) -> str:
        """The tenant's name."""
        return self.config.settings.tenant

    @property
    def today(self) -> date:
        """The day by which certificates and waivers are judged."""
        return self.started.date()

    @cached_property
    def requirements(self) -> Mapping[str, Requirement]:
        """By their ids."""
        return {requirement.id: requirement for requirement in self.catalogue.requirements}

    @cached_property
    def vantages(self) -> list[str]:
        """The vantages from which all is asked that is asked anywhere: those that were named."""
        nowhere_else = AskedFrom.WORKSTATION
        asked = (c.vantage for c in self.cases if self.catalogue[c.requirement].asked_from is not nowhere_else)
        return sorted(set(asked))

    def is_watched(self, case: Case) -> bool:
        """Is it a case of the watch, which comes after everything else?"""
        return case.requirement == REQUIREMENT and self.settings.watch is not None

    def settled(self, verdicts: Mapping[Case, Verdict], cases: Sequence[Case]) -> dict[Case, Verdict]:
        """The verdicts on these cases, as far as there are any, each with regard to the others, as they are written."""
        from netcompliance.judge import settle

        given = [verdicts[case] for case in cases if case in verdicts]
        settled = settle(self.requirements, given, cases, self.settings)
        return {verdict.case: self.redactor.verdict(verdict) for verdict in settled}
