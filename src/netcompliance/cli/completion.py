"""Completion for shells, made from the parser itself, so that it knows what can be typed and nothing else.

    source <(netcompliance completion bash)
    source <(netcompliance completion zsh)
    netcompliance completion fish | source

Rules
* The scripts hold words only; completing starts no program.
* An argument with a closed list of words completes to these: `choices`, or `words()` of the action's module where an
  argument may be repeated. All other arguments complete to files.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

HELP = "write the completion script for a shell"


def add(parser: argparse.ArgumentParser) -> None:
    """Declare arguments."""
    parser.add_argument("shell", choices=tuple(SCRIPTS), help="source its output from the shell's start-up file")


def run(arguments: argparse.Namespace) -> int:
    """Write the script."""
    from netcompliance.cli.main import parser

    print(SCRIPTS[arguments.shell](_actions(parser())), end="")
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Action:
    """What can follow an action's name."""

    name: str
    help: str
    options: Mapping[str, str]
    """Option → what it does."""
    takes_value: frozenset[str]
    """Options that are followed by a value: a file, as far as completion knows."""
    words: tuple[str, ...]
    """What its arguments can be; empty: files, or nothing."""


def _actions(parser: argparse.ArgumentParser) -> list[_Action]:
    (subparsers,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))  # noqa: SLF001 - argparse has no other way to ask
    helps = {each.dest: each.help or "" for each in subparsers._choices_actions}  # noqa: SLF001 - likewise
    return [_action(name, helps[name], each) for name, each in subparsers.choices.items()]


def _action(name: str, told: str, parser: argparse.ArgumentParser) -> _Action:
    declared = parser._actions  # noqa: SLF001 - likewise
    choices = [str(word) for each in declared if not each.option_strings for word in each.choices or ()]
    module = import_module(f"netcompliance.cli.{name}")
    return _Action(
        name=name,
        help=told,
        options={option: _line(each.help) for each in declared for option in each.option_strings},
        takes_value=frozenset(option for each in declared if each.nargs != 0 for option in each.option_strings),
        words=tuple(module.words() if hasattr(module, "words") else choices),
    )


def _line(text: str | None) -> str:
    """Without what a shell would read as more than text."""
    return "".join(char if char.isalnum() or char in " ,.;()/-" else " " for char in text or "")


def _bash(actions: list[_Action]) -> str:
    cases = "".join(
        f"""    {action.name})
      words="{" ".join((*action.options, *action.words))}"
      valued=" {" ".join(sorted(action.takes_value))} "
      files={"" if action.words else "yes"} ;;
"""
        for action in actions
    )
    return f"""_netcompliance() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" words valued=" " files=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(action.name for action in actions)} --help --version" -- "$word"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}    *) return ;;
  esac
  case "$valued" in
    *" $before "*) words= files=yes ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [ -n "$files" ] && [[ "$word" != -* ]]; then
    compopt -o filenames 2>/dev/null
    local path
    while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen -f -- "$word")
  fi
}}
complete -F _netcompliance netcompliance
"""


def _zsh(actions: list[_Action]) -> str:
    names = " ".join(f"'{action.name}:{_line(action.help)}'" for action in actions)
    cases = ""
    for action in actions:
        options = " ".join(
            f"'{option}[{text}]{':value:_files' if option in action.takes_value else ''}'"
            for option, text in action.options.items()
        )
        arguments = f"'*:argument:({' '.join(action.words)})'" if action.words else "'*:file:_files'"
        cases += f"    {action.name}) _arguments {options} {arguments} ;;\n"
    return f"""#compdef netcompliance
_netcompliance() {{
  local -a actions
  actions=({names})
  if (( CURRENT == 2 )); then
    _describe action actions
    return
  fi
  local action=$words[2]
  shift words
  (( CURRENT-- ))
  case $action in
{cases}  esac
}}
if [ "$funcstack[1]" = _netcompliance ]; then _netcompliance "$@"; else compdef _netcompliance netcompliance; fi
"""


def _fish(actions: list[_Action]) -> str:
    lines = ["complete -c netcompliance -f"]
    for action in actions:
        here = f"-c netcompliance -n '__fish_seen_subcommand_from {action.name}'"
        lines.append(f"complete -c netcompliance -n __fish_use_subcommand -a {action.name} -d '{_line(action.help)}'")
        for option, text in action.options.items():
            flag = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            lines.append(f"complete {here} {flag}{' -r -F' if option in action.takes_value else ''} -d '{text}'")
        lines.append(f"complete {here} -a '{' '.join(action.words)}'" if action.words else f"complete {here} -F")
    return "\n".join(lines) + "\n"


SCRIPTS: Mapping[str, Callable[[list[_Action]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
