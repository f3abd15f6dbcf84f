"""Plans of runs, and the observations of the right world from any vantage."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from netcompliance import catalogue
from netcompliance.config.settings import TenantConfig
from netcompliance.journal.redact import Redactor
from netcompliance.model import Settings, Watch
from netcompliance.session.plan import Plan
from tests.unit.judge.world import SETTINGS as RIGHT
from tests.unit.judge.world import healthy

EVIL, GOOD = "ssh://evil", "ssh://good"
SETTINGS = Settings(tenant="acme", images=RIGHT.images, source_images=(), images_from="test")
WATCHED = replace(SETTINGS, watch=Watch(duration=10.0, every=0.1, rarely=1.0, criteria=()))


def of(vantage: str) -> list[dict[str, Any]]:
    """What is seen from there in the right world."""
    return [{**record, "vantage": vantage} for record in healthy()]


def plan(*vantages: str, settings: Settings = SETTINGS, secrets: tuple[str, ...] = (), **more: Any) -> Plan:
    """A plan for these vantages, of the whole catalogue."""
    known = catalogue.load()
    return Plan(
        config=TenantConfig(settings=settings, profile=None, key=None, secrets=secrets),
        catalogue=known,
        cases=tuple(catalogue.expand(known, settings, vantages)),
        hosts=(),
        redactor=Redactor(secrets),
        started=datetime(2026, 12, 1, tzinfo=UTC),
        **more,
    )
