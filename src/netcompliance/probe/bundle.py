"""The on-host program and a plan, as one command-line argument.

Rules
* One argument, under 100 KiB (the kernel takes 128 KiB): nothing is copied to the host and nothing is written there.
* The modules are made in memory under their own names, so a traceback and an import read the same as here.
* `-I` and `-S`: neither the environment's Python variables nor anything installed on the host has a part in it. The
  trust store's variables (SSL_CERT_FILE, SSL_CERT_DIR) are the probe's own business and still count.
* No secret is ever in a plan.
"""

from __future__ import annotations

import base64
import functools
import json
import zlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

PACKAGE = "netcompliance.probe.onhost"
LIMIT = 100 * 1024

BOOTSTRAP = """\
import sys, json, zlib, base64
from importlib.util import spec_from_loader
def unpack(text): return json.loads(zlib.decompress(base64.b64decode(text)).decode())
sources = unpack({sources!r})
class Memory:
    def find_spec(self, name, path=None, target=None):
        if name in sources: return spec_from_loader(name, self, is_package=sources[name] is None)
    def create_module(self, spec): return None
    def exec_module(self, module):
        name = module.__name__
        exec(compile(sources[name] or "", "<" + name + ">", "exec", dont_inherit=True), module.__dict__)
sys.meta_path.insert(0, Memory())
from {package}.main import main
main(unpack({plan!r}))
"""


class TooLarge(Exception):
    """The program and its plan do not fit into one argument."""


def command(plan: Mapping[str, Any]) -> list[str]:
    """The arguments for a Python interpreter, from 3.6 on."""
    program = BOOTSTRAP.format(sources=_program(), plan=_pack(plan), package=PACKAGE)
    if len(program) > LIMIT:
        raise TooLarge(f"the probe and its plan are {len(program)} bytes; {LIMIT} fit into an argument")
    return ["-I", "-S", "-c", program]


@functools.cache
def _program() -> str:
    sources: dict[str, str | None] = {}
    parts = PACKAGE.split(".")
    for depth in range(1, len(parts) + 1):
        sources[".".join(parts[:depth])] = None
    for file in sorted(resources.files(PACKAGE).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py") and file.name != "__init__.py":
            sources[f"{PACKAGE}.{file.name.removesuffix('.py')}"] = file.read_text(encoding="utf-8")
    return _pack(sources)


def _pack(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")
