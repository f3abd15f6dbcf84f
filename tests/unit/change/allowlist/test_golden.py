"""Every format, word for word: `golden/FORMAT`. `python -m tests.unit.change.allowlist.test_golden` writes them anew.

What is meant by a change is then read in its difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from netcompliance.change.allowlist.formats import FORMATS, text
from tests.unit.change.allowlist.seen import everybody

GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_is_written_as_it_was(form: str) -> None:
    assert text(form, everybody()) == (GOLDEN / form).read_bytes().decode()


def test_there_is_no_other_file() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(FORMATS)


if __name__ == "__main__":
    for name in FORMATS:
        (GOLDEN / name).write_text(text(name, everybody()), encoding="utf-8", newline="")
