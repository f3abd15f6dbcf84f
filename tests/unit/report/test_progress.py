"""What is shown of visits while they go on: redrawn on a terminal, else a line per host, and nothing is obeyed."""

from __future__ import annotations

import re

from netcompliance.report.progress import STATES, Progress
from netcompliance.vantage.visit import State


class Shown:
    """A display with a clock that is set by hand."""

    def __init__(self, *, hosts: int = 3, terminal: bool = False, width: int = 80) -> None:
        self.time = 100.0
        self.written = ""
        self.progress = Progress(self._write, lambda: self.time, hosts=hosts, terminal=terminal, width=width)

    def _write(self, text: str) -> None:
        self.written += text

    def screen(self) -> list[str]:
        """What stands on the terminal in the end."""
        lines: list[str] = []
        for part in re.split(r"(\x1b\[\d+A\x1b\[J)", self.written):
            if up := re.fullmatch(r"\x1b\[(\d+)A\x1b\[J", part):
                del lines[len(lines) - int(up[1]) :]
            else:
                lines += part.splitlines()
        return lines


def test_of_several_tenants_each_is_named() -> None:
    shown = Shown()
    for tenant in ("acme", "beta"):
        part = shown.progress.of(tenant)
        part.state("local", "reaching")
        part.state("local", "done")
        part.over()
    assert shown.written == "acme from local  done in 0.0 s\nbeta from local  done in 0.0 s\n"


def test_the_states_are_those_of_a_visit() -> None:
    assert tuple(State) == STATES


def test_without_a_terminal_each_host_is_a_line_when_it_ends() -> None:
    shown = Shown()
    shown.progress.state("ssh://a", "reaching")
    shown.progress.tick()
    shown.time += 2.34
    shown.progress.state("ssh://a", "looking")
    shown.progress.state("ssh://a", "done")
    shown.progress.state("ssh://b", "reaching")
    shown.progress.state("ssh://b", "failed", "the host \x1b[2J refused")
    shown.progress.over()
    assert shown.written == (
        "ssh://a  done in 2.3 s\nssh://b  failed after 0.0 s: the host \ufffd[2J refused\n"
    )  # fmt: skip


def test_a_run_from_one_vantage_without_a_terminal_says_nothing() -> None:
    shown = Shown(hosts=1)
    shown.progress.state("local", "reaching")
    shown.progress.state("local", "done")
    shown.progress.over()
    assert shown.written == ""


def test_a_terminal_shows_counts_who_is_under_way_and_who_failed() -> None:
    shown = Shown(terminal=True)
    shown.progress.state("ssh://a", "reaching")
    shown.progress.state("ssh://b", "reaching")
    shown.time += 1.5
    shown.progress.state("ssh://b", "failed", "gone")
    shown.progress.tick()
    head, under_way, failed = shown.screen()
    assert "1 failed, 1 reaching, 1 waiting" in head
    assert under_way == "  ssh://a  reaching for 1.5 s"
    assert failed == "  ssh://b  failed after 1.5 s: gone"


def test_it_is_redrawn_in_place_not_too_often_and_gone_at_the_end() -> None:
    shown = Shown(terminal=True)
    shown.progress.state("ssh://a", "reaching")
    shown.progress.tick()
    once = shown.written
    shown.time += 0.05
    shown.progress.tick()
    assert shown.written == once
    shown.time += 0.2
    shown.progress.tick()
    assert len(shown.screen()) == 2
    shown.progress.over()
    assert shown.screen() == []


def test_no_line_is_wider_than_the_terminal_and_two_hundred_hosts_are_few_lines() -> None:
    shown = Shown(hosts=200, terminal=True, width=40)
    for number in range(200):
        shown.progress.state(f"ssh://a-host-with-a-rather-long-name-{number}", "reaching")
        if number > 100:
            shown.progress.state(f"ssh://a-host-with-a-rather-long-name-{number}", "failed", "x" * 500)
    shown.progress.tick()
    assert max(map(len, shown.screen())) < 40
    assert len(shown.screen()) < 12
