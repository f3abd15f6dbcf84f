"""Write `requirements.md` and `findings.md` from the catalogue and the list of findings, and what `journal.md` and
`journal.schema.json` say of observations from their types.

python docs/generate.py            writes these files
python docs/generate.py --check    says which one is not current, exit code 1
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "src"))

import observations  # noqa: E402 - the checkout need not be installed

from netcompliance.catalogue import CONDITIONS, every, load  # noqa: E402 - likewise
from netcompliance.findings import Code  # noqa: E402 - likewise

GENERATED = "<!-- written by docs/generate.py: change the catalogue or the code, then run it -->"
SUBJECTS = {
    "tenant": "the tenant's name",
    "paths": "each path of the receiver that a part of the agent calls",
    "registry": "the registry in use",
    "images": "each image",
    "cdn": "each published CDN host of quay.io",
    "chart": "the chart repository, from the workstation",
    "watch": "each layer (dns, tcp, tls, http, registry), with a finding for each of its paths",
    "hosts": "tenant and registry, where an explicit proxy is in effect for them",
}


def requirements() -> str:
    """The catalogue as a page."""
    catalogue = load()
    lines = [
        "# Requirements",
        GENERATED,
        "",
        f"Catalogue version {catalogue.version}. *Documented* requirements come from the published page",
        f"“{catalogue.page}”; *derived* ones follow from how agent, registry and proxy work. An unmet **must** makes",
        "the run not satisfied; an unmet **should** is a warning, unless the run is `--strict`.",
        "",
        "A journal names the catalogue of its run by its SHA-256. Known are:",
        "",
        "| version | SHA-256 |",
        "|---|---|",
        *(f"| {each.version} | `{each.sha256}` |" for each in every()),
        "",
    ]
    for requirement in catalogue.requirements:
        lines += [
            f"## {requirement.id}",
            "",
            f"{requirement.says[0].upper()}{requirement.says[1:]}.",
            "",
            f"* level: **{requirement.level}**, {requirement.basis}: {requirement.source}",
            f"* asked of: {SUBJECTS[requirement.targets]}",
        ]
        if requirement.requires:
            lines.append(
                f"* not evaluated unless met: {', '.join(f'[{r}](#{r.lower()})' for r in requirement.requires)}"
            )
        if requirement.when != "always":
            lines.append(f"* not applicable where {CONDITIONS[requirement.when].otherwise}")
        lines.append("")
    return "\n".join(lines)


def findings() -> str:
    """The closed list of findings as a page."""
    lines = [
        "# Findings",
        GENERATED,
        "",
        "What an observation can mean. Each code has one meaning, one remedy and one team to ask. Words in `<>` are",
        "filled in from what was seen.",
        "",
    ]
    for code in Code:
        lines += [
            f"## {code}",
            "",
            f"* **means** {_marked(code.means)}",
            f"* **fix** {_marked(code.fix)}",
            f"* **ask** the {code.ask}",
            "",
        ]
    return "\n".join(lines)


def _marked(template: str) -> str:
    return re.sub(r"\{(\w+)\}", r"`<\1>`", template)


def journal() -> str:
    """The page about the journal."""
    return observations.page(HERE.joinpath("journal.md").read_text(encoding="utf-8"))


def schema() -> str:
    """The journal's JSON Schema."""
    return observations.schema(HERE.joinpath("journal.schema.json").read_text(encoding="utf-8"))


PAGES = {
    "requirements.md": requirements,
    "findings.md": findings,
    "journal.md": journal,
    "journal.schema.json": schema,
}


def main() -> int:
    """Write the pages, or with --check say which is not current."""
    stale = 0
    for name, page in PAGES.items():
        path, text = HERE / name, page()
        if "--check" in sys.argv[1:]:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                print(f"docs/{name} is not current: run python docs/generate.py")
                stale = 1
        else:
            path.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main())
