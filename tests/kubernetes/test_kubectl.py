"""What a visit to a pod relies on, shown with the real kubectl alone."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

IN_THE_AGENT = ("kubectl", "exec", "-i", "-n", "monitoring", "-c", "agent", "agent", "--", "/bin/sh", "-c")


def test_standard_input_and_output_go_through_unchanged() -> None:
    sent = os.urandom(1 << 20)
    assert (
        subprocess.run([*IN_THE_AGENT, "cat"], input=sent, capture_output=True, check=True, timeout=60).stdout == sent
    )


def test_output_arrives_while_the_command_runs() -> None:
    with subprocess.Popen([*IN_THE_AGENT, "echo begun; cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin
        assert child.stdout
        assert child.stdout.readline() == b"begun\n"
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(60) == 0


@pytest.mark.parametrize("code", [0, 1, 7, 95, 127, 255])
def test_the_exit_code_is_the_commands(code: int) -> None:
    ended = subprocess.run(
        [*IN_THE_AGENT, f"exit {code}"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
    )
    assert ended.returncode == code
    assert (f"command terminated with exit code {code}" in ended.stderr.decode()) == (code != 0)


def test_trouble_on_the_way_is_exit_code_one_and_a_message(trouble) -> None:
    command = ["kubectl", "exec", "-i", *shlex.split(trouble.kubectl), "--", "/bin/sh", "-c", "exit 0"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert trouble.says in ended.stderr.decode()
