"""A tenant's profile: the settings and waivers of one place, in TOML, checked to the last key.

Rules
* Unknown keys are errors: a misspelt `expires` must not make a waiver that never ends.
* Every error names the file and the line.
* A profile holds no secret. It names the variable or the file in which the API key is.
* Paths in a profile are relative to the profile.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netcompliance.config import validation
from netcompliance.config.allow_list import plain, reading
from netcompliance.config.validation import BadInput
from netcompliance.model import LAYERS, Approved, DriftKind, Kind, RegistryMode, Waiver

_LIMITS = ("max_outage", "max_total", "quiet_after")
EVERY = (0.05, 60.0)
RARELY = (0.5, 3600.0)
"""Seconds: bounds of how often a watch may probe. Handshakes and requests are seen by the service."""

KEYS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "": {"domain": str, "images": str, "allow_list": (str, list)},
    "agent": {"url": str},
    "registry": {"host": str, "prefix": str, "mode": str, "source_visible": bool},
    "proxy": {"url": str, "no_proxy": str},
    "interception": {"ca_file": (str, list)},
    "key": {"env": str, "file": str},
    "chart": {"repository": str, "name": str},
    "comparison": {"fail_on_drift": list},
    "vantages": {},
    "watch": {
        "every": str,
        "rarely": str,
        **dict.fromkeys(_LIMITS, str),
        **dict.fromkeys(LAYERS, dict),
    },
    "waiver": {
        "requirement": str,
        "target": str,
        "vantage": str,
        "owner": str,
        "reason": str,
        "expires": (dt.date, str),
    },
}
"""Table → key → type. The table without a name is the top of the file; `waiver` is a list of tables; the keys of
`vantages` are patterns."""

_OF_ONE_GROUP = re.compile(r"[A-Z]+-")
"""How the name of a requirement begins; a waiver for whatever fails would be none."""
_PATTERN = re.compile(r"[*?\[]")
_WAIVER_NEEDS = ("requirement", "owner", "reason", "expires")
_TYPE_NAMES = {str: "text", bool: "true or false", list: "a list", dict: "a table", dt.date: "a date"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a profile says; None and empty where it says nothing."""

    path: Path | None = None
    domain: str | None = None
    agent_url: str | None = None
    registry: tuple[str, str] | None = None
    registry_mode: RegistryMode | None = None
    source_visible: bool = True
    images: Path | None = None
    allow_list: tuple[Approved, ...] | None = None
    proxy: str | None = None
    no_proxy: str | None = None
    ca_files: tuple[Path, ...] = ()
    key_env: str | None = None
    key_file: Path | None = None
    chart_repository: str | None = None
    chart: str | None = None
    fail_on_drift: tuple[DriftKind, ...] = ()
    watch: Mapping[str, float] = field(default_factory=dict)
    """Seconds: `every`, `rarely`, limits (`max_outage`), and limits of one layer (`tcp.max_outage`)."""
    vantage_kinds: tuple[tuple[str, Kind], ...] = ()
    waivers: tuple[Waiver, ...] = ()


def load(path: Path) -> Profile:
    """The profile in the file."""
    text = validation.read_text(path, "profile")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        line = re.match(r"line (\d+)", place)
        number = line[1] if line else len(text.splitlines()) or 1
        raise BadInput(f"profile {path}:{number}: {reason}") from None
    return _Reader(path, text, data).profile()


class _Reader:
    """Reads parsed TOML and finds the line of whatever is wrong in it."""

    def __init__(self, path: Path, text: str, data: dict[str, Any]) -> None:
        self._path = path
        self._lines = text.splitlines()
        self._data = data

    def profile(self) -> Profile:
        for name, value in self._data.items():
            if name in KEYS[""]:
                self._check_type("", name, value)
            elif name == "waiver":
                if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
                    raise self._bad("write waivers as [[waiver]]", name)
                for index, waiver in enumerate(value):
                    self._check_table(name, waiver, index)
            elif name in KEYS:
                if not isinstance(value, dict):
                    raise self._bad(f"{name} is a table: [{name}]", name)
                if name != "vantages":
                    self._check_table(name, value)
            else:
                known = ", ".join(sorted(KEYS[""]) + [f"[{table}]" for table in KEYS if table])
                raise self._bad(f"unknown key {name!r} (known: {known})", name)
        return Profile(
            path=self._path,
            domain=self._with("", "domain", validation.host_name),
            agent_url=self._get("agent", "url"),
            registry=self._registry(),
            registry_mode=self._mode(),
            source_visible=self._get("registry", "source_visible", default=True),
            images=self._file("", "images"),
            allow_list=self._allow_list(),
            proxy=self._with("proxy", "url", validation.proxy_url),
            no_proxy=self._get("proxy", "no_proxy"),
            ca_files=self._ca_files(),
            key_env=self._get("key", "env"),
            key_file=self._key_file(),
            chart_repository=self._with("chart", "repository", validation.web_url),
            chart=self._get("chart", "name"),
            fail_on_drift=self._fail_on_drift(),
            watch=self._watch(),
            vantage_kinds=self._vantage_kinds(),
            waivers=tuple(self._waiver(index, each) for index, each in enumerate(self._data.get("waiver", []))),
        )

    def _get(self, table: str, key: str, *, default: Any = None) -> Any:
        holder = self._data.get(table, {}) if table else self._data
        return holder.get(key, default)

    def _with(self, table: str, key: str, check: Any) -> Any:
        value = self._get(table, key)
        return None if value is None else check(value, f"{self._at(key, table)}: {key}")

    def _registry(self) -> tuple[str, str] | None:
        host = self._get("registry", "host")
        prefix = self._get("registry", "prefix", default="")
        if host is None:
            if "registry" in self._data and prefix:
                raise self._bad("[registry] has a prefix and no host", "prefix", "registry")
            return None
        where = f"{self._at('host', 'registry')}: registry"
        return validation.registry_prefix("/".join(part for part in (host, prefix) if part), where)

    def _mode(self) -> RegistryMode | None:
        mode = self._get("registry", "mode")
        if mode is None:
            return None
        if mode not in list(RegistryMode):
            raise self._bad(f"unknown mode {mode!r} (known: {', '.join(RegistryMode)})", "mode", "registry")
        return RegistryMode(mode)

    def _allow_list(self) -> tuple[Approved, ...] | None:
        listed = self._get("", "allow_list")
        if listed is None:
            return None
        if isinstance(listed, str):
            return reading.read(self._path.parent / listed)
        where = f"{self._at('allow_list')}: allow_list"
        if not listed or not all(isinstance(entry, str) for entry in listed):
            raise BadInput(f"{where}: a list of addresses, CIDR blocks and names")
        return tuple(plain.entry(entry, where) for entry in listed)

    def _ca_files(self) -> tuple[Path, ...]:
        listed = self._get("interception", "ca_file", default=[])
        names = [listed] if isinstance(listed, str) else listed
        if not all(isinstance(name, str) for name in names):
            raise self._bad("ca_file is a file name or a list of them", "ca_file", "interception")
        return tuple(self._existing(name, "ca_file", "interception") for name in names)

    def _file(self, table: str, key: str) -> Path | None:
        name = self._get(table, key)
        return None if name is None else self._existing(name, key, table)

    def _key_file(self) -> Path | None:
        """Who writes the key in the place of its file's name is not told the key."""
        name = self._get("key", "file")
        if name is not None and not (self._path.parent / Path(name).expanduser()).is_file():
            raise self._bad("file: no such file; it names the file that holds the key", "file", "key")
        return self._file("key", "file")

    def _existing(self, name: str, key: str, table: str) -> Path:
        path = self._path.parent / Path(name).expanduser()
        if not path.is_file():
            raise self._bad(f"{key}: no such file: {path}", key, table)
        return path

    def _fail_on_drift(self) -> tuple[DriftKind, ...]:
        listed = self._get("comparison", "fail_on_drift", default=[])
        for each in listed:
            if each not in list(DriftKind):
                known = ", ".join(DriftKind)
                raise self._bad(f"fail_on_drift {each!r}: it is one of {known}", "fail_on_drift", "comparison")
        return tuple(kind for kind in DriftKind if kind in listed)

    def _vantage_kinds(self) -> tuple[tuple[str, Kind], ...]:
        kinds = self._data.get("vantages", {})
        for pattern, kind in kinds.items():
            if kind not in list(Kind):
                raise self._bad(f"{pattern!r} = {kind!r}: it is one of {', '.join(Kind)}", pattern, "vantages")
        return tuple((pattern, Kind(kind)) for pattern, kind in kinds.items())

    def _watch(self) -> dict[str, float]:
        told = self._data.get("watch", {})
        bounds = {"every": EVERY, "rarely": RARELY}
        found = {
            key: validation.duration(text, f"{self._at(key, 'watch')}: {key}", *bounds.get(key, ()))
            for key, text in told.items()
            if key not in LAYERS
        }
        for layer in LAYERS:
            table = f"watch.{layer}"
            for key, text in told.get(layer, {}).items():
                if key not in _LIMITS:
                    raise self._bad(f"unknown key {key!r} in [{table}] (known: {', '.join(_LIMITS)})", key, table)
                if not isinstance(text, str):
                    raise self._bad(f"{key} must be text", key, table)
                found[f"{layer}.{key}"] = validation.duration(text, f"{self._at(key, table)}: {key}")
        return found

    def _waiver(self, index: int, fields: Mapping[str, Any]) -> Waiver:
        for key in _WAIVER_NEEDS:
            value = fields.get(key)
            if value is None or (isinstance(value, str) and not value.strip()):
                raise self._bad(f"the waiver has no {key}", "", "waiver", index)
        requirement = fields["requirement"]
        if not _OF_ONE_GROUP.match(requirement):
            wanted = "name what is accepted, CLK-01, or a pattern within one group with its target, REG-0[12]"
            raise self._bad(f"requirement {requirement!r}: {wanted}", "requirement", "waiver", index)
        if "target" not in fields and _PATTERN.search(requirement):
            text = f"requirement {requirement!r} is a pattern: say the target"
            raise self._bad(text, "requirement", "waiver", index)
        expires = fields["expires"]
        if isinstance(expires, dt.datetime):
            raise self._bad("expires is a date without a time", "expires", "waiver", index)
        if isinstance(expires, str):
            try:
                expires = dt.date.fromisoformat(expires)
            except ValueError:
                raise self._bad(f"expires {expires!r} is no date (2027-01-31)", "expires", "waiver", index) from None
        return Waiver(
            requirement=requirement,
            target=fields.get("target", "*"),
            vantage=fields.get("vantage", "*"),
            owner=fields["owner"],
            reason=fields["reason"],
            expires=expires.isoformat(),
        )

    def _check_table(self, table: str, fields: Mapping[str, Any], index: int = 0) -> None:
        for key, value in fields.items():
            if key not in KEYS[table]:
                known = ", ".join(sorted(KEYS[table]))
                raise self._bad(f"unknown key {key!r} in [{table}] (known: {known})", key, table, index)
            self._check_type(table, key, value, index)

    def _check_type(self, table: str, key: str, value: Any, index: int = 0) -> None:
        wanted = KEYS[table][key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            kinds = wanted if isinstance(wanted, tuple) else (wanted,)
            names = " or ".join(_TYPE_NAMES[kind] for kind in kinds)
            raise self._bad(f"{key} must be {names}", key, table, index)

    def _bad(self, text: str, key: str, table: str = "", index: int = 0) -> BadInput:
        return BadInput(f"{self._at(key, table, index)}: {text}")

    def _at(self, key: str, table: str = "", index: int = 0) -> str:
        return f"profile {self._path}:{self._line(key, table, index)}"

    def _line(self, key: str, table: str, index: int) -> int:
        """The line of a key in the index-th table of that name; else of the table's head, else the first."""
        current, seen, head = "", -1, 1
        for number, line in enumerate(self._lines, start=1):
            opened = re.match(r"\s*\[\[?\s*([\w.\"'-]+)\s*\]", line)
            if opened:
                current = opened[1].strip("\"'")
                seen += current == table
                if key == current and not table:
                    return number
                if current == table and seen == index:
                    head = number
            elif re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]", line) if key else False:
                if current == table and (not table or seen == index):
                    return number
            elif table and not current and re.match(rf"\s*[\"']?{re.escape(table)}[\"']?\s*[=.]", line):
                head = number
        return head
