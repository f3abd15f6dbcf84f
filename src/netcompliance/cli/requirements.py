"""What is required, and why: the catalogue of this version."""

from __future__ import annotations

import argparse

from netcompliance.cli import output, suggestions

HELP = "list the requirements of the catalogue, or tell all about some"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    parser.add_argument("ids", metavar="ID", nargs="*", help="a requirement, such as HTTPS-01")
    output.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List or tell."""
    from netcompliance.catalogue import CONDITIONS, load

    catalogue = load()
    names = suggestions.chosen(arguments.ids, words(), "requirement", "netcompliance requirements")
    requirements = [catalogue[name] for name in names]
    if arguments.json:
        output.write_json(
            {
                "catalogue": catalogue.version,
                "sha256": catalogue.sha256,
                "page": catalogue.page,
                "requirements": [
                    {
                        "id": each.id,
                        "says": each.says,
                        "level": each.level,
                        "basis": each.basis,
                        "source": each.source,
                        "requires": each.requires,
                        "targets": each.targets,
                        "when": each.when,
                        "from": each.asked_from,
                    }
                    for each in requirements
                ],
            }
        )
        return 0
    for each in requirements:
        if not arguments.ids:
            print(f"{each.id:<10}{each.level:<8}{each.says}")
            continue
        print(f"{each.id}  {each.says}")
        rows = {
            "level": f"{each.level}, {each.basis}",
            "source": f"{catalogue.page}, {each.source}" if each.basis == "documented" else each.source,
            "requires": ", ".join(each.requires),
            "asked of": each.targets,
            "asked from": each.asked_from,
            "unless": CONDITIONS[each.when].otherwise,
        }
        for label, text in rows.items():
            if text:
                print(*output.labelled(label, text), sep="\n")
    return 0


def words() -> list[str]:
    """What ID can be."""
    from netcompliance.catalogue import load

    return [each.id for each in load().requirements]
