"""The closed list of findings."""

from __future__ import annotations

import importlib
import re
from string import Formatter
from typing import Any

import pytest

from netcompliance.findings import Code, Team
from tests.unit.judge.rows import Row

WORDS_OF_THE_ENGINE = {"subject", "host", "vantage", "source"}
TABLES = (
    "test_allow_list",
    "test_certificates",
    "test_chart",
    "test_dns",
    "test_endpoint",
    "test_hangs",
    "test_https",
    "test_lookups",
    "test_mirror",
    "test_outbound",
    "test_proxy",
    "test_receiver",
    "test_registry",
    "test_resolvconf",
    "test_shares",
    "test_tls",
    "test_shares",
    "test_transport",
    "test_watch",
)


def rows() -> list[Row]:
    """All rows of the judges' tables."""
    modules = [importlib.import_module(f"tests.unit.judge.{name}") for name in TABLES]
    tables: list[Any] = [value for module in modules for value in vars(module).values() if isinstance(value, dict)]
    return [row for table in tables for row in table.values() if isinstance(row, Row)]


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", Code)
def test_a_code_is_told_in_three_parts(code: Code) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*", str(code))
    assert code.means
    assert code.fix
    assert isinstance(code.ask, Team)


@pytest.mark.parametrize("code", Code)
def test_texts_are_sentence_parts(code: Code) -> None:
    for text in (code.means, code.fix):
        assert text == text.strip()
        assert not text.endswith(".")
        assert "\n" not in text


def test_a_code_is_its_text() -> None:
    assert Code("tcp.filtered") is Code.TCP_FILTERED
    assert f"{Code.TCP_FILTERED}" == "tcp.filtered"
    assert len({str(code) for code in Code}) == len(Code)


def test_every_code_is_found_in_some_row_of_the_judges_tests() -> None:
    found = {code for row in rows() for codes in row.finds.values() for code in codes}
    assert sorted(set(map(str, Code)) - found) == []


def test_placeholders_are_plain_names() -> None:
    names = {name for code in Code for text in (code.means, code.fix) for name in placeholders(text)}
    assert all(name.isidentifier() for name in names)
    assert names >= WORDS_OF_THE_ENGINE
