"""Options, profile and files put together to one `TenantConfig`.

Rules
* An option wins over the profile, the profile over what Helm values say, and those over the defaults.
* Everything is checked here, before anything is looked at and before anything is written; every file is read once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from netcompliance import catalogue as catalogues
from netcompliance.config import credentials, profile, validation
from netcompliance.config.allow_list import reading
from netcompliance.config.images import sources
from netcompliance.config.options import DECLARED, Options, default
from netcompliance.config.profile import Profile
from netcompliance.config.validation import BadInput
from netcompliance.config.watch import watch
from netcompliance.model import (
    DEFAULT_REGISTRY,
    Approved,
    Case,
    ChartValues,
    DriftKind,
    Level,
    RegistryMode,
    Settings,
    plain_url,
)

Value = TypeVar("Value")
_A_VARIABLE = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+")
"""What variables are called. Anything else that stands for one may be the key itself."""
MOST_AT_ONCE = 500
"""More visits at once than file descriptors and processes of a usual workstation carry."""
ENTRIES = 20_000
"""Entries of an allow-list, at most: the evidence holds each of them."""
DEFAULTS = Settings(tenant="")
"""What holds where neither options nor profile have a word for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantConfig:
    """What a user gave for one tenant, checked and put together. Only the settings are ever written down."""

    settings: Settings
    profile: Path | None
    """The file of the profile."""
    key: str | None = field(repr=False)
    """The API key, for hosts that are elsewhere."""
    secrets: tuple[str, ...] = field(repr=False)
    """The key, and what else of the environment must never be written."""


def tenants(options: Options) -> tuple[str, ...]:
    """The tenants, folded and each once, in the order of the command line."""
    return tuple(dict.fromkeys(validation.tenant_name(name) for name in options.tenants))


def visits(options: Options) -> int:
    """How many hosts are visited at once. The default is what sshd of a jump host (MaxStartups) and a usual workstation
    bear."""
    text = options.visits or default("visits")
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_AT_ONCE):
        raise BadInput(f"--visits {validation.hide_login(text)!r}: a number from 1 to {MOST_AT_ONCE}")
    return int(text)


def profile_of(tenant: str, options: Options, directories: Iterable[Path]) -> Profile:
    """The profile that was named, or `<tenant>.toml` in the first directory that has one, or an empty one."""
    if options.profile is not None:
        return profile.load(Path(options.profile))
    found = next((path for path in (each / f"{tenant}.toml" for each in directories) if path.is_file()), None)
    return profile.load(found) if found else Profile()


def resolve(
    tenant: str, options: Options, chosen: Profile, hosts: int, environ: Mapping[str, str] = os.environ
) -> TenantConfig:
    """All that holds for one tenant, with its profile, from so many hosts. Raises `BadInput`."""
    key = credentials.key(chosen, environ)
    known = credentials.of_environment(environ, credentials.key_variable(chosen))
    return TenantConfig(
        settings=_settings(tenant, options, chosen, hosts, environ),
        profile=chosen.path,
        key=key,
        secrets=tuple(dict.fromkeys([*known, *([key] if key else [])])),
    )


def _settings(tenant: str, options: Options, chosen: Profile, hosts: int, environ: Mapping[str, str]) -> Settings:
    """What is told to everybody, and written down."""
    declared = _typed(options, "registry", validation.registry_prefix) or chosen.registry
    mode = _typed(options, "registry_mode", _registry_mode) or chosen.registry_mode
    gathered = _gathered(options, chosen, declared, direct=mode is RegistryMode.DIRECT)
    approved = _approved(options, chosen)
    at_quay = gathered.registry == DEFAULT_REGISTRY and not gathered.prefix
    if at_quay and mode in (RegistryMode.PROXY, RegistryMode.COPY):
        raise BadInput(f"--registry-mode {mode} needs one's own registry: --registry HOST/PREFIX")
    domain = _typed(options, "domain", validation.host_name) or chosen.domain or default("domain")
    agent_url, values = _agent_url(chosen, gathered, Settings(tenant=tenant, domain=domain).endpoint)
    return Settings(
        tenant=tenant,
        domain=domain,
        registry=gathered.registry,
        registry_prefix=gathered.prefix,
        registry_mode=mode or (RegistryMode.DIRECT if at_quay else RegistryMode.PROXY),
        source_visible=chosen.source_visible,
        images=gathered.images,
        source_images=gathered.source_images,
        images_from=gathered.origin,
        allow_list=None if approved is None else tuple(sorted({entry.text for entry in approved if entry.allows})),
        approved=approved or (),
        proxy=_proxy(options, chosen, gathered),
        no_proxy=chosen.no_proxy,
        agent_url=agent_url,
        values=values,
        interception=tuple(fingerprint for path in chosen.ca_files for fingerprint in _fingerprints(path)),
        interception_files=tuple(str(path) for path in chosen.ca_files),
        key_declared=_key_declared(chosen, environ),
        key_env=credentials.key_variable(chosen),
        key_file=str(chosen.key_file) if chosen.key_file else None,
        level=_typed(options, "level", _level),
        strict=options.strict,
        fail_on_drift=_fail_on_drift(options, chosen),
        watch=watch(options, chosen, hosts),
        vantage_kinds=chosen.vantage_kinds,
        waivers=chosen.waivers,
        chart_repository=chosen.chart_repository or DEFAULTS.chart_repository,
        chart=chosen.chart or DEFAULTS.chart,
    )


def check_waivers(config: TenantConfig, cases: Iterable[Case]) -> None:
    """Refuse a waiver that names no case: it waives nothing and is a mistake."""
    planned = tuple(cases)
    for waiver in config.settings.waivers:
        if not any(catalogues.covers(waiver, case) for case in planned):
            raise BadInput(
                f"profile {config.profile}: a waiver matches nothing: requirement {waiver.requirement!r}, "
                f"target {waiver.target!r}, vantage {waiver.vantage!r}"
            )


def _typed(options: Options, name: str, check: Callable[[str, str], Value]) -> Value | None:
    """What was typed for an option, checked; `None`, if nothing was."""
    text: str | None = getattr(options, name)
    return None if text is None else check(text, DECLARED[name].name)


def _registry_mode(text: str, what: str) -> RegistryMode:
    return validation.one_of(RegistryMode, text, what)


def _level(text: str, what: str) -> Level:
    return validation.one_of(Level, text, what)


def _gathered(options: Options, chosen: Profile, declared: tuple[str, str] | None, *, direct: bool) -> sources.Gathered:
    """The images, and what the agent is configured with: of one file, or of a file for each."""
    images = Path(options.images) if options.images is not None else chosen.images
    if options.values is None:
        return sources.gather(images, declared, direct=direct)
    configured = sources.gather(Path(options.values), declared, direct=direct, option="--values")
    if configured.values is None:
        raise BadInput(f"{configured.origin}: a list of images; hand it in with --images")
    if images is None:
        return configured
    listed = sources.gather(images, declared or (configured.registry, configured.prefix), direct=direct)
    return replace(listed, values=configured.values, proxy=configured.proxy, urls=configured.urls)


def _approved(options: Options, chosen: Profile) -> tuple[Approved, ...] | None:
    given, name = chosen.allow_list, "the profile's allow-list"
    if options.allow_list is not None:
        given, name = reading.read(Path(options.allow_list)), f"--allow-list {options.allow_list}"
    if given and len(given) > ENTRIES:
        raise BadInput(f"{name}: {len(given)} entries, of at most {ENTRIES}: put neighbours together into CIDR blocks")
    return given


def _proxy(options: Options, chosen: Profile, gathered: sources.Gathered) -> str | None:
    if typed := _typed(options, "proxy", validation.proxy_url):
        return typed
    if chosen.proxy is not None or gathered.proxy is None:
        return chosen.proxy
    if gathered.values is not None and gathered.values.proxy_reading is not None:
        # There is no such proxy to look through: PRX-02 says what the agent makes of it.
        return None
    place = gathered.values.place(sources.PROXY) if gathered.values else gathered.origin
    return validation.proxy_url(gathered.proxy, f"{place}: {sources.PROXY}")


def _fail_on_drift(options: Options, chosen: Profile) -> tuple[DriftKind, ...]:
    if options.fail_on_drift and options.baseline is None:
        raise BadInput("--fail-on-drift needs something to compare with: --baseline PATH|latest")
    return tuple(DriftKind) if options.fail_on_drift else chosen.fail_on_drift


def _agent_url(chosen: Profile, gathered: sources.Gathered, documented: str) -> tuple[str | None, ChartValues | None]:
    """The URL that the agent is given, and the values with it. Of several, one that is not the documented."""
    values = gathered.values
    told = validation.printable(validation.hide_keys(chosen.agent_url)) if chosen.agent_url is not None else None
    known = [*([(told, None)] if told is not None else []), *gathered.urls]
    url, line = next((each for each in known if plain_url(each[0]) != documented), known[0] if known else (None, None))
    if values is not None and url is not None and (url, line) in gathered.urls:
        lines = {**dict(values.lines), **({sources.URL: line} if line is not None else {})}
        values = replace(values, url=url, lines=tuple(lines.items()))
    return url, values


def _key_declared(chosen: Profile, environ: Mapping[str, str]) -> bool:
    if chosen.key_env is not None and not environ.get(chosen.key_env):
        named = repr(chosen.key_env) if _A_VARIABLE.fullmatch(chosen.key_env) else "of this name (not the key itself)"
        raise BadInput(f"profile {chosen.path}: the variable {named} for the API key is not set")
    return bool(chosen.key_env or chosen.key_file or environ.get(DEFAULTS.key_env))


def _fingerprints(path: Path) -> list[str]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    text = validation.read_text(path, "interception ca_file")
    try:
        certificates = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise BadInput(f"interception ca_file {path}: no PEM certificate in it") from None
    return [certificate.fingerprint(hashes.SHA256()).hex() for certificate in certificates]
