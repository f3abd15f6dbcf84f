"""Completion in real shells: what can be typed is offered, and nothing else."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from netcompliance.cli import main as cli
from netcompliance.cli.findings import words as codes

BASH = """
source {script}
COMP_WORDS=({words}) COMP_CWORD={place}
_netcompliance 2>/dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
autoload -Uz compinit; compinit -u -D
source {script}
[ "$_comps[netcompliance]" = _netcompliance ] || exit 3
_describe() {{ print -l -- ${{(P)2%%:*}} }}
_arguments() {{
  for each in "$@"; do
    case $each in
      '*:argument:('*) print -l -- ${{=${{each#*\\(}}%\\)}} ;;
      *:_files) [[ $each = -* ]] && print -- ${{each%%\\[*}} || print -l -- $words[CURRENT]*(N) ;;
      *) print -- ${{each%%\\[*}} ;;
    esac
  done
}}
words=({words}) CURRENT={place}+1
_netcompliance
"""
FISH = """
source {script}
complete -C {line}
"""


@pytest.fixture(params=["bash", "zsh", "fish"])
def completed(request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Gives what a shell offers for the last of these words."""
    shell = request.param
    assert cli.main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "journal of a run.jsonl").write_text("")

    def complete(*words: str) -> set[str]:
        values = {"script": script, "words": shlex.join(["netcompliance", *words]), "place": len(words)}
        program, arguments = {
            "bash": (BASH, ["bash", "--norc", "--noprofile", "-c"]),
            "zsh": (ZSH, ["zsh", "-f", "-c"]),
            "fish": (FISH, ["fish", "--no-config", "-c"]),
        }[shell]
        told = subprocess.run(
            [*arguments, program.format(**values, line=shlex.quote(" ".join(["netcompliance", *words])))],
            cwd=tmp_path / "here",
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (told.returncode, told.stderr) == (0, "")
        offered = {line.split("\t")[0].replace("\\", "") for line in told.stdout.splitlines()} - {""}
        return {word for word in offered if word.startswith(words[-1])}

    return complete


def test_actions_are_offered(completed):
    assert completed("") >= set(cli.ACTIONS)
    assert completed("ver") == {"verify"}


def test_words_of_closed_lists_are_offered(completed):
    assert completed("findings", "tcp.") == {code for code in codes() if code.startswith("tcp.")}
    assert completed("requirements", "RCV") == {"RCV-01", "RCV-02", "RCV-03", "RCV-04"}
    assert completed("completion", "b") == {"bash"}


def test_options_are_offered(completed):
    assert completed("verify", "--") == {"--help", "--allowed-signers", "--identity", "--json"}
    assert "--json" in completed("show", "--j")


def test_journals_are_files(completed):
    assert "journal of a run.jsonl" in completed("show", "jour")
    assert completed("findings", "jour") == set()


def test_a_shell_that_is_not_known_is_refused(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        cli.main(["completion", "csh"])
    assert ended.value.code == 4
    assert "bash" in capsys.readouterr().err
