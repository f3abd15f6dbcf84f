"""The on-host program, its plan and its secrets, as what a visited host is sent.

A visit is one command (`COMMAND`, or `arguments` for a Python that is known) and one *parcel* on its standard input.

Rules
* The command is short, one line, the same for every host, and holds nothing of the plan: it passes through login shells
  (csh and fish too), `kubectl exec`'s URL and process lists, which limit, log or show it. Program, plan and key go over
  standard input; nothing is copied to the host and nothing is written there.
* The modules are made in memory under their own names, so a traceback and an import read the same as here.
* `-I` and `-S`: neither the environment's Python variables nor anything installed on the host has a part in it. The
  trust store's variables (SSL_CERT_FILE, SSL_CERT_DIR) are the probe's own business and still count.
* `-B`: as root, Python would leave compiled modules of its own library behind where an image has none.
* The system's own Python is asked first: it verifies with the system's trust store. A Python that is too old or was
  built without TLS says so with exit code `UNFIT`, and the next one is tried; where none is left, the shell probe that
  follows in the parcel is run: the first line, over which Python passes, says how it is read.
* Python's line is a comment to a shell, which gets it with all the rest from `cat`: what a shell reads itself it
  reads byte by byte, and this line is long.
"""

from __future__ import annotations

import base64
import functools
import importlib.util
import json
import marshal
import shlex
import zlib
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from netcompliance.probe.shell import shell

PACKAGE = "netcompliance.probe.onhost"
ALL_OF_IT = 'eval "$(cat)"'
"""What a shell does with the rest of a parcel that ends with standard input."""
NOTHING_OF_IT = ":"
"""The same where there is nothing for a shell."""
OVER_A_LINE = "IFS= read -r parcel;"
"""What it does first where it must not read more than it is sent."""
END_OF_SCRIPT = "#."
_GATHER = (
    f'n=$(printf "\\n.");n=${{n%.}};p=;while IFS= read -r l&&[ "$l" != "{END_OF_SCRIPT}" ];do p=$p$l$n;done;eval "$p"'
)
UP_TO_ITS_END = f'r={shlex.quote(_GATHER)};if command -v bash >/dev/null 2>&1;then exec bash -c "$r";else eval "$r";fi'
"""The same where standard input stays open: bash, if it is there, reads up to a line of its own."""
UNFIT = 97
"""Exit code of an interpreter that cannot run the probe."""
NO_INPUT = 96
"""Exit code where standard input was empty: what carries the command does not pass it on."""

READER = (
    'exec("import sys\\ntry:\\n import ast,base64,json,socket,ssl,threading,zlib\\n assert sys.version_info>=(3,6)\\n'
    f"except Exception: sys.exit({UNFIT})\\n"
    f"sys.stdin.buffer.readline() or sys.exit({NO_INPUT})\\n"
    'parcel=json.loads(sys.stdin.buffer.readline()[1:].decode())\\nexec(parcel.pop(\\"loader\\"),{\\"parcel\\":parcel})")'
)
"""For `python3 -c`: takes the parcel's second line, and leaves it alone where it cannot run it."""

LOADER = """\
import base64, importlib.util, json, marshal, sys, zlib
def unpack(text): return zlib.decompress(base64.b64decode(text))
same = parcel["magic"] == base64.b64encode(importlib.util.MAGIC_NUMBER).decode()
modules = marshal.loads(unpack(parcel["compiled"])) if same else json.loads(unpack(parcel["sources"]).decode())
class Memory:
    def find_spec(self, name, path=None, target=None):
        if name in modules: return importlib.util.spec_from_loader(name, self, is_package=modules[name] is None)
    def create_module(self, spec): return None
    def exec_module(self, module):
        code = modules[module.__name__] or ""
        if isinstance(code, str): code = compile(code, "<" + module.__name__ + ">", "exec", dont_inherit=True)
        exec(code, module.__dict__)
sys.meta_path.insert(0, Memory())
from {package}.main import main
main(parcel["plan"], parcel["key"])
"""

PYTHONS = (
    "/usr/bin/python3 /usr/libexec/platform-python /usr/local/bin/python3 python3 "
    "python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 python3.6 python"
)

_SEARCH = (
    f'for p in {PYTHONS}; do command -v "$p" >/dev/null 2>&1 || continue; "$p" -I -S -B -c "$1"; r=$?; '
    f"case $r in {UNFIT}|126|127|2) ;; *) exit $r;; esac; done; IFS= read -r next || exit {NO_INPUT}; "
    'eval "$next"'
)

COMMAND = f"/bin/sh -c {shlex.quote(_SEARCH)} sh {shlex.quote(READER)}"
"""For a shell on the host, whichever it is. It holds no newline and no exclamation mark."""


def arguments() -> list[str]:
    """For a Python interpreter (3.6 or later) that reads the parcel from its standard input."""
    return ["-I", "-S", "-B", "-c", READER]


def parcel(plan: Mapping[str, Any], key: str | None = None) -> bytes:
    """What the host reads: how a shell reads it, a line for Python, then the shell probe."""
    given = f"NETCOMPLIANCE_KEY={shlex.quote(key or '')}\n"
    return _lines(ALL_OF_IT, plan, key, _sources()) + f"{given}{shell.parcel(plan)}".encode()


def for_watch(plan: Mapping[str, Any]) -> bytes:
    """What a host reads that is to watch, and is spoken to after that: Python passes over what is the shell's."""
    read = OVER_A_LINE + UP_TO_ITS_END
    return _lines(read, plan, None, _sources()) + f"{shell.watch_parcel(plan)}{END_OF_SCRIPT}\n".encode()


def for_python(plan: Mapping[str, Any], key: str | None = None) -> bytes:
    """Without a shell's part, for what no shell can do: collecting what a watch left behind."""
    return _lines(NOTHING_OF_IT, plan, key, _sources())


def for_this_python(plan: Mapping[str, Any]) -> bytes:
    """The same, for the interpreter that runs this: it needs no sources."""
    return _lines(NOTHING_OF_IT, plan, None, "")


def _lines(for_shells: str, plan: Mapping[str, Any], key: str | None, sources: str) -> bytes:
    """What a shell does with the rest, and Python's line."""
    line = {
        "loader": LOADER.replace("{package}", PACKAGE),
        "magic": base64.b64encode(importlib.util.MAGIC_NUMBER).decode(),
        "compiled": _compiled(),
        "sources": sources,
        "plan": plan,
        "key": key,
    }
    return f"{for_shells}\n#{json.dumps(line, separators=(',', ':'))}\n".encode()


@functools.cache
def _sources() -> str:
    sources = {name: file and file.read_text(encoding="utf-8") for name, file in _files().items()}
    return _pack(json.dumps(sources, separators=(",", ":")).encode())


@functools.cache
def _compiled() -> str:
    """The same as code objects, for hosts with this interpreter's version: compiling takes as long as importing ssl."""
    return _pack(marshal.dumps({name: file and _code(name, file) for name, file in _files().items()}))


def _code(name: str, file: Path) -> CodeType:
    """A module's code, as Python keeps it beside the source; under the module's name, not the path that it has here."""
    code = SourceFileLoader(name, str(file)).get_code(name)
    assert code is not None
    return _named(code, f"<{name}>")


def _named(code: CodeType, name: str) -> CodeType:
    parts = tuple(_named(part, name) if isinstance(part, CodeType) else part for part in code.co_consts)
    return code.replace(co_filename=name, co_consts=parts)


@functools.cache
def _files() -> dict[str, Path | None]:
    """Every module that is sent, and where it is; packages, of which nothing but the name is sent, are `None`."""
    modules: dict[str, Path | None] = {}
    parts = PACKAGE.split(".")
    for depth in range(1, len(parts) + 1):
        modules[".".join(parts[:depth])] = None
    for file in sorted((Path(__file__).parent / "onhost").glob("*.py")):
        if file.name != "__init__.py":
            modules[f"{PACKAGE}.{file.stem}"] = file
    return modules


def _pack(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii")
