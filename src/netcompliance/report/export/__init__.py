"""A saved journal in other formats, for the tools that people have.

Rules
* One module per format, with one function `render(ExportedRun) -> str`. `FORMATS` is the list of them.
* A format is a pure function of the journal: the same journal gives the same bytes, at every hour and on every machine.
* `run` finds out what is told, the same for every format (`ExportedRun`); a module says only how. It escapes whatever
  it is given.
* A format that has no word for a run raises `NotRepresentable` rather than to say something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from netcompliance.journal.reader import SavedRun
from netcompliance.report.export.run import ExportedRun, NotRepresentable, exported


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One way to tell a run."""

    module: str
    """Of this package."""
    file: str
    """What it is called beside the journal."""
    about: str


FORMATS: Mapping[str, Format] = {
    "junit": Format(module="junit", file="junit.xml", about="JUnit XML, for CI servers"),
    "xccdf": Format(module="xccdf", file="xccdf.xml", about="XCCDF 1.2 benchmark with its results, for OpenSCAP"),
    "oscal": Format(module="oscal", file="oscal.json", about="OSCAL assessment results, for compliance tools"),
    "in-toto": Format(module="intoto", file="in-toto.json", about="in-toto statement of test results, to be signed"),
    "prometheus": Format(
        module="prometheus", file="netcompliance.prom", about="for node_exporter's textfile collector"
    ),
    "csv": Format(module="table", file="verdicts.csv", about="one row per case, for a spreadsheet"),
    "markdown": Format(module="markdown", file="ticket.md", about="for a ticket: what is unmet, and what to do"),
}


def render(name: str, saved: SavedRun) -> bytes:
    """The journal in the format of that name. Raises `BadJournal`; `NotRepresentable` if the format cannot say it."""
    write = import_module(f"{__name__}.{FORMATS[name].module}").render
    text: str = write(exported(saved))
    return text.encode("utf-8")


__all__ = ["FORMATS", "ExportedRun", "Format", "NotRepresentable", "render"]
