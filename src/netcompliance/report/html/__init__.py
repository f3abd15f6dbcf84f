"""The page that an auditor reads: one file, complete without a script, written by pytest-html.

    material ─► account ─► sections ─► document
    (a run)     (ordered)  (HTML)      (around pytest-html's own)

Rules
* A page is a function of its material alone, so it can be made again from a journal.
* Everything that counts is static HTML, in print too; the script only filters, sorts and unfolds.
* Nothing is fetched: style and script are in the file, and its content security policy allows no others.
* Whatever came from elsewhere goes through `Markup.text`.

A new part of the page is a `Section`: a name for its anchor, a title, and a function that yields HTML, or nothing
where it has nothing to tell.
"""

from netcompliance.report.html.document import finished
from netcompliance.report.html.material import Material
from netcompliance.report.html.sections import SECTIONS, Section, parts

__all__ = ["SECTIONS", "Material", "Section", "finished", "parts"]
