"""The page that an auditor reads: one file, complete without a script, made from a run's journal alone.

    journal ─► view_model ─► sections ─► document
               (ordered)     (HTML)     (one file)

Rules
* A page is a function of its journal, so it can be made again, the same to the byte.
* Everything that counts is static HTML, in print too; the script only filters, sorts and unfolds.
* Nothing is fetched: style and script are in the file, and its content security policy allows no others.
* Whatever came from elsewhere goes through `Markup.text`.

A new part of the page is a `Section`: a name for its anchor, a title, and a function that yields HTML, or nothing
where it has nothing to tell. Which sections there are, and in which order, says `netcompliance.pages`.
"""
