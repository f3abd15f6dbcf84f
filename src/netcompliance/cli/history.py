"""`netcompliance history DIR`: a tenant's addresses, issuers and verdicts over all its runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from netcompliance.cli import output
from netcompliance.config.validation import BadInput, tenant_name

HELP = "addresses, issuers and verdicts over all journals below a directory"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    parser.add_argument("directory", metavar="DIR", help="where the reports lie, such as reports/ or reports/acme")
    parser.add_argument("--tenant", metavar="NAME", help="this tenant only")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="every run as JSON")
    formats.add_argument("--csv", action="store_true", help="a row for every run")
    formats.add_argument("--html", metavar="FILE", help="write a page with a picture; needs no other file")


def run(arguments: argparse.Namespace) -> int:
    """Tell the history. Journals that cannot be read are named on standard error and are no failure."""
    import csv
    import sys

    from netcompliance import exports
    from netcompliance.change import history, picture
    from netcompliance.change.archive import Archive
    from netcompliance.explain import printable
    from netcompliance.journal.redact import Redactor

    below = Path(arguments.directory)
    if not below.is_dir():
        raise BadInput(f"{below}: no such directory")
    tenant = tenant_name(arguments.tenant) if arguments.tenant else None
    archive = Archive(below)
    told = history.histories(past for past in archive.runs() if tenant in (None, past.tenant))
    for each in archive.left_out:
        print(f"left out: {printable(each.path)}: {printable(each.why)}", file=sys.stderr)
    if not told:
        raise BadInput(f"{below}: there is no complete journal{f' of {tenant}' if tenant else ''} below it")
    redactor = Redactor()
    if arguments.json:
        left_out = [{"path": each.path, "why": each.why} for each in archive.left_out]
        whole = {"histories": [history.as_json(each) for each in told], "left_out": left_out}
        output.write_json(redactor.value(whole))
    elif arguments.csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(history.COLUMNS)
        for one in told:
            table.writerows([redactor.text(cell) for cell in row] for row in history.rows(one))
    elif arguments.html:
        page = redactor.text("".join(picture.page(told, archive.left_out)))
        try:
            exports.write(Path(arguments.html), [page.encode()])
        except OSError as error:
            raise BadInput(f"--html {arguments.html}: {error.strerror or error}") from None
        print(f"written: {printable(arguments.html)}", file=sys.stderr)
    else:
        for number, one in enumerate(told):
            print("\n" * bool(number) + redactor.text("\n".join(history.lines(one))))
    return 0
