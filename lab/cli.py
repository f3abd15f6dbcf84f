"""`python -m lab`: run a command in the small internet, list what can be broken, look around, ask what is missing.

Usage errors end with exit code 4 and one line, as the suite's own do.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from lab import doctor, hosts, mounts
from lab.backend import Backend
from lab.changes import app, firewall
from lab.healthy import RIGHT
from lab.hosts import containers, nodes, special_hosts
from lab.run import Execute, command_environment, execute, run
from lab.scenario import Change, Scenario, both, unchanged
from lab.scenarios import SCENARIOS

USAGE_ERROR = 4
_BACKENDS = {"embedded": "lab.embedded", "real": "lab.real"}
"""Modules with a `play`, by the name that --servers takes."""
_HEALTHY = Scenario(name="healthy", broken="nothing", change=unchanged)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"lab: {message}", file=sys.stderr)
        raise SystemExit(USAGE_ERROR)


def main(arguments: Sequence[str] | None = None, execute: Execute = execute) -> int:
    """Carry out one command line and give the exit code. `execute` is what runs COMMAND in its process."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    parser = _parser()
    options, command = _split(words)
    parsed, surplus = parser.parse_known_args(options)
    if surplus:
        parser.error(f"unexpected {surplus[0]!r}; COMMAND comes after --")
    match parsed.action:
        case "scenarios":
            _list_scenarios()
            return 0
        case "hosts":
            _list_hosts()
            return 0
        case "doctor":
            return doctor.report()
        case "shell":
            print(_SHELL_GREETING, file=sys.stderr)
            command = [os.environ.get("SHELL", "/bin/sh")]
        case _ if not command:
            parser.error("what should run in the lab? python -m lab run [--scenario NAME] -- COMMAND")
    scenario = _scenario(parsed.scenario, parser)
    wanted = hosts.Wanted(nodes=parsed.nodes, cast=parsed.cast, containers=parsed.containers)
    change = both(scenario.change, *_rules(parsed, parser))
    return _run(replace(scenario, change=change), _backend(parsed.servers, parser), command, wanted, execute)


_SHELL_GREETING = f"""\
You are on the host of a small internet (10.20.0.4). Leave with exit; nothing stays.
  servers' view   tail -f {mounts.DIRECTORY}/log.jsonl
  the router      ip netns exec router nft list ruleset
  other machines  ip netns exec internet|corp COMMAND"""


def _parser() -> _Parser:
    parser = _Parser(prog="python -m lab", description="A small internet on this machine.", allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", required=True, metavar="run|shell|scenarios|hosts|doctor")
    for name, says in (("run", "run COMMAND (after --) in the lab"), ("shell", "a shell in the lab")):
        action = actions.add_parser(name, help=says, allow_abbrev=False)
        action.add_argument("--scenario", metavar="NAME", default=None, help="break the world in this way")
        action.add_argument("--nodes", metavar="N", type=_count, default=0, help="start ssh hosts node-1 … node-N")
        action.add_argument(
            "--cast", metavar="NAMES", type=_members, nargs="?", const=special_hosts.names(), default=(),
            help="start these of the hosts that `lab hosts` lists; all of them without names",
        )  # fmt: skip
        action.add_argument("--containers", action="store_true", help="start containers, and a stand-in for kubectl")
        action.add_argument(
            "--router-rules",
            metavar="FILE",
            help="nft or iptables-save: all that the hosts may open",
        )
        action.add_argument(
            "--round-trip", metavar="MS", type=float, default=0.0, help="milliseconds to the Internet and back"
        )
        action.add_argument("--proxy-rules", metavar="FILE", help="squid.conf lines: all that the proxies grant")
        action.add_argument("--servers", metavar="|".join(_BACKENDS), default="embedded", help="who plays the servers")
    actions.add_parser("scenarios", help="the ways in which the world can be broken")
    actions.add_parser("hosts", help="the hosts that --nodes, --cast and --containers start")
    actions.add_parser("doctor", help="what this machine allows and lacks")
    return parser


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return words, []
    cut = words.index("--")
    return words[:cut], words[cut + 1 :]


def _scenario(name: str | None, parser: _Parser) -> Scenario:
    if name is None:
        return _HEALTHY
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"; did you mean {', '.join(near)}?" if near else "; python -m lab scenarios lists them"
        parser.error(f"no scenario {name!r}{hint}")
    return known[name]


def _rules(parsed: argparse.Namespace, parser: _Parser) -> list[Change]:
    """What narrows the world down to given rules."""

    def text(path: str) -> str:
        try:
            return Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            parser.error(f"{path}: {getattr(error, 'strerror', None) or 'not a text file'}")

    found = []
    if parsed.router_rules:
        found.append(firewall(allowed=text(parsed.router_rules)))
    if parsed.round_trip:
        found.append(firewall(round_trip=parsed.round_trip / 1000))
    if parsed.proxy_rules:
        granted = text(parsed.proxy_rules)
        found += [app(name, rules=granted) for name in ("proxy", "tls-proxy")]
    return found


def _backend(name: str, parser: _Parser) -> Backend:
    if name not in _BACKENDS:
        parser.error(f"--servers is one of {', '.join(_BACKENDS)}, not {name!r}")
    try:
        backend: Backend = importlib.import_module(_BACKENDS[name]).play
    except ModuleNotFoundError as error:
        parser.error(f"--servers {name} needs {error.name}")
    return backend


def _run(scenario: Scenario, backend: Backend, command: Sequence[str], wanted: hosts.Wanted, execute: Execute) -> int:
    world = scenario.change(RIGHT)
    environment = command_environment(os.environ, world)
    if wanted.containers:
        environment["PATH"] = f"{containers.PROGRAMS}:{environment['PATH']}"
    if scenario.options:
        added = shlex.join(option.replace("{lab}", str(mounts.DIRECTORY)) for option in scenario.options)
        environment["PYTEST_ADDOPTS"] = f"{environment.get('PYTEST_ADDOPTS', '')} {added}".strip()
    return run(world, backend, command, environment, wanted, execute)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 <= int(text) <= nodes.MOST):
        raise argparse.ArgumentTypeError(f"a number from 0 to {nodes.MOST}, not {text!r}")
    return int(text)


def _members(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    unknown = [name for name in names if name not in special_hosts.names()]
    if unknown:
        raise argparse.ArgumentTypeError(f"no host {unknown[0]!r}; python -m lab hosts lists them")
    return names


def _list_hosts() -> None:
    for member in (*special_hosts.ORDINARY, *special_hosts.MEMBERS, *containers.MEMBERS):
        print(f"{member.hosts:<36}  {member.what}\n{'':<36}    {member.comes_of_it}")


def _list_scenarios() -> None:
    widest = max(len(scenario.name) for scenario in SCENARIOS)
    for scenario in SCENARIOS:
        found = "; ".join(f"{name} {' '.join(sorted(codes))}" for name, codes in sorted(scenario.find.items()))
        print(f"{scenario.name:<{widest}}  {scenario.broken}")
        print(f"{'':<{widest}}    finds {found or 'nothing'}")
