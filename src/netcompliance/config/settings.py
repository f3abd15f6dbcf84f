"""Options, profile and files put together to the settings of one tenant's run.

Rules
* An option wins over the profile, the profile over what Helm values say, and those over the defaults.
* Everything is checked here, before anything is looked at and before anything is written.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from netcompliance import catalogue as catalogues
from netcompliance.config import profile, validation
from netcompliance.config.allow_list import reading
from netcompliance.config.images import sources
from netcompliance.config.profile import Profile
from netcompliance.config.validation import BadInput
from netcompliance.model import (
    DEFAULT_DOMAIN,
    DEFAULT_REGISTRY,
    LAYERS,
    SELDOM,
    TRIES,
    Approved,
    Case,
    ChartValues,
    Criteria,
    DriftKind,
    HostOptions,
    Level,
    RegistryMode,
    Settings,
    Waiver,
    Watch,
    plain_url,
)

_A_VARIABLE = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+")
"""What variables are called. Anything else that stands for one may be the key itself."""
DEFAULT_AT_ONCE = 32
"""Hosts visited at once: what sshd of a jump host (MaxStartups) and a usual workstation bear."""
MOST_AT_ONCE = 500
"""More visits at once than file descriptors and processes of a usual workstation carry."""
SHORTEST_WATCH, LONGEST_WATCH = 1.0, 24 * 3600.0
DEFAULT_EVERY = 0.1
"""Both ends of an outage are known to the half of it, and its length to the whole."""
DEFAULT_RARELY = 5.0
DEFAULT_MAX_OUTAGE = 1.0
"""What is shorter no client is told of: a lost SYN is sent again after a second."""
BUDGET = 120
"""Handshakes and requests a minute, of one host on one path: what it takes to see one second."""
MOST_REQUESTS = 50
"""Handshakes and requests a second to each address of the service, from all hosts together."""
MOST_PROBES = 250
"""New connections a second to one address of the service, from all hosts together."""
DEFAULTS = Settings(tenant="")
ENTRIES = 20_000
"""Entries of an allow-list, at most: the evidence holds each of them."""
"""What holds where nobody says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line, as typed."""

    tenants: tuple[str, ...]
    hosts: HostOptions = field(default_factory=HostOptions)
    visits: str | None = None
    profile: str | None = None
    domain: str | None = None
    registry: str | None = None
    registry_mode: str | None = None
    images: str | None = None
    values: str | None = None
    allow_list: str | None = None
    proxy: str | None = field(default=None, repr=False)
    """May hold a password, which is then refused."""
    sign: str | None = None
    baseline: str | None = None
    fail_on_drift: bool = False
    watch: str | None = None
    every: str | None = None
    max_outage: str | None = None
    max_total: str | None = None
    quiet_after: str | None = None
    report_dir: str = "reports"
    exports: tuple[str, ...] = ()
    level: str | None = None
    strict: bool = False


def paced(settings: Settings, hosts: int) -> Settings:
    """With requests no more often than the service can be asked to bear, from so many hosts."""
    watch = settings.watch
    if watch is None:
        return settings
    least = hosts / MOST_REQUESTS
    watch = replace(
        watch,
        every=max(watch.every, min(DEFAULT_EVERY, hosts / MOST_PROBES)),
        rarely=max(least, watch.rarely),
        seldom=max(least, watch.pace("registry")),
    )
    settings = replace(settings, watch=watch)
    check_rate(settings, hosts)
    return settings


def check_rate(settings: Settings, hosts: int) -> None:
    """A watch from many hosts is many connections for the service: refused where it would be too many."""
    if settings.watch and hosts / settings.watch.every > MOST_PROBES:
        least = validation.duration_text(math.ceil(hosts / MOST_PROBES * 10) / 10)
        raise BadInput(
            f"--watch from {hosts} hosts every {validation.duration_text(settings.watch.every)} is more than "
            f"{MOST_PROBES} new connections a second to each address of the service: write --every {least}"
        )


def tenants(options: Options) -> tuple[str, ...]:
    """The tenants, folded and each once, in the order of the command line."""
    return tuple(dict.fromkeys(validation.tenant_name(name) for name in options.tenants))


def visits(options: Options) -> int:
    """How many hosts are visited at once."""
    text = options.visits or str(DEFAULT_AT_ONCE)
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_AT_ONCE):
        raise BadInput(f"--visits {validation.hide_login(text)!r}: a number from 1 to {MOST_AT_ONCE}")
    return int(text)


def profile_of(tenant: str, options: Options, directories: Iterable[Path]) -> Profile:
    """The profile that was named, or `<tenant>.toml` in the first directory that has one, or an empty one."""
    if options.profile is not None:
        return profile.load(Path(options.profile))
    found = next((path for path in (each / f"{tenant}.toml" for each in directories) if path.is_file()), None)
    return profile.load(found) if found else Profile()


def settings(tenant: str, options: Options, chosen: Profile, environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of one tenant."""
    declared = (
        validation.registry_prefix(options.registry, "--registry") if options.registry is not None else chosen.registry
    )
    mode = chosen.registry_mode
    if options.registry_mode is not None:
        mode = validation.one_of(RegistryMode, options.registry_mode, "--registry-mode")
    gathered = _gathered(options, chosen, declared, direct=mode is RegistryMode.DIRECT)
    approved = _approved(options, chosen)
    at_quay = gathered.registry == DEFAULT_REGISTRY and not gathered.prefix
    if at_quay and mode in (RegistryMode.PROXY, RegistryMode.COPY):
        raise BadInput(f"--registry-mode {mode} needs one's own registry: --registry HOST/PREFIX")
    domain = _domain(options, chosen)
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
        key_env=key_variable(chosen),
        key_file=str(chosen.key_file) if chosen.key_file else None,
        level=_level(options),
        strict=options.strict,
        fail_on_drift=_fail_on_drift(options, chosen),
        watch=_watch(options, chosen),
        vantage_kinds=chosen.vantage_kinds,
        waivers=chosen.waivers,
        chart_repository=chosen.chart_repository or DEFAULTS.chart_repository,
        chart=chosen.chart or DEFAULTS.chart,
    )


def secrets(chosen: Profile, environ: Mapping[str, str]) -> tuple[str, ...]:
    """What must never be written: the API key, and the passwords of the environment's proxies."""
    found = [environ.get(name, "") for name in {DEFAULTS.key_env, key_variable(chosen)}]
    if chosen.key_file:
        found.append(validation.read_text(chosen.key_file, "key file").strip())
    for name, value in environ.items():
        if name.lower().endswith("_proxy"):
            # Not by urlsplit: clients also take URLs without a scheme, and passwords that should have been encoded.
            rest = value.partition("://")[2] or value
            ends = [at.start() for at in re.finditer(validation.AT, rest)]
            is_plain = name.lower() == "no_proxy" or validation.hide_proxy(value) == value
            login = rest[: ends[-1]] if ends else "" if is_plain else rest
            password = "".join(re.split(validation.COLON, login, maxsplit=1)[1:])
            found += [login, unquote(login), password, unquote(password)] if password else []
    return tuple(dict.fromkeys(stripped for secret in found if (stripped := secret.strip())))


def key_variable(chosen: Profile) -> str:
    """The variable of the environment that holds the API key, if one does."""
    return chosen.key_env or DEFAULTS.key_env


def key(chosen: Profile, environ: Mapping[str, str]) -> str | None:
    """The API key as it is found on this machine, for hosts that are elsewhere."""
    if chosen.key_file:
        return validation.read_text(chosen.key_file, "key file").strip() or None
    return environ.get(key_variable(chosen), "").strip() or None


def check_waivers(waivers: Iterable[Waiver], cases: Iterable[Case], path: Path | None) -> None:
    """A waiver that names no case waives nothing and is a mistake."""
    planned = tuple(cases)
    for waiver in waivers:
        if not any(catalogues.covers(waiver, case) for case in planned):
            raise BadInput(
                f"profile {path}: a waiver matches nothing: requirement {waiver.requirement!r}, "
                f"target {waiver.target!r}, vantage {waiver.vantage!r}"
            )


def _level(options: Options) -> Level | None:
    """The level that was asked for, None for both."""
    return validation.one_of(Level, options.level, "--level") if options.level is not None else None


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


def _domain(options: Options, chosen: Profile) -> str:
    if options.domain is not None:
        return validation.host_name(options.domain, "--domain")
    return chosen.domain or DEFAULT_DOMAIN


def _approved(options: Options, chosen: Profile) -> tuple[Approved, ...] | None:
    given, name = chosen.allow_list, "the profile's allow-list"
    if options.allow_list is not None:
        given, name = reading.read(Path(options.allow_list)), f"--allow-list {options.allow_list}"
    if given and len(given) > ENTRIES:
        raise BadInput(f"{name}: {len(given)} entries, of at most {ENTRIES}: put neighbours together into CIDR blocks")
    return given


def _proxy(options: Options, chosen: Profile, gathered: sources.Gathered) -> str | None:
    if options.proxy is not None:
        return validation.proxy_url(options.proxy, "--proxy")
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
    told = validation.printable(validation.hide_login(chosen.agent_url)) if chosen.agent_url is not None else None
    known = [*([(told, None)] if told is not None else []), *gathered.urls]
    url, line = next((each for each in known if plain_url(each[0]) != documented), known[0] if known else (None, None))
    if values is not None and url is not None and (url, line) in gathered.urls:
        lines = {**dict(values.lines), **({sources.URL: line} if line is not None else {})}
        values = replace(values, url=url, lines=tuple(lines.items()))
    return url, values


def _watch(options: Options, chosen: Profile) -> Watch | None:
    """The watch. The command line's limits are for every layer; the profile may have others for one of them."""
    typed = {
        "--every": options.every,
        "--max-outage": options.max_outage,
        "--max-total": options.max_total,
        "--quiet-after": options.quiet_after,
    }
    if options.watch is None:
        for option, text in typed.items():
            if text is not None:
                raise BadInput(f"{option} {text!r} says how to watch, and there is no watch: add --watch DURATION")
        return None
    length = validation.duration(options.watch, "--watch", SHORTEST_WATCH, LONGEST_WATCH)
    every = validation.duration(options.every, "--every", *profile.EVERY) if options.every is not None else None
    limits = {
        option: validation.duration(text, option)
        for option, text in typed.items()
        if text is not None and option != "--every"
    }
    criteria = {layer: _criteria(layer, limits, chosen, length) for layer in LAYERS}

    def pace(usual: float, floor: float, *layers: str, tries: int = 2) -> float:
        """As often as what is accepted of these layers demands, within the budget, but not more rarely than usual."""
        needs = [need / tries for layer in layers if (need := criteria[layer].needed) is not None]
        return min(usual, max(floor, min(needs))) if needs else usual

    least = 60 / BUDGET
    rarely = chosen.watch.get("rarely", pace(DEFAULT_RARELY, least, "tls", "http"))
    return Watch(
        duration=length,
        every=every or chosen.watch.get("every", pace(DEFAULT_EVERY, profile.EVERY[0], "dns", "tcp", tries=TRIES)),
        rarely=rarely,
        seldom=pace(SELDOM * DEFAULT_RARELY, max(least, chosen.watch.get("rarely", least)), "registry"),
        criteria=tuple(criteria.values()),
    )


def _criteria(layer: str, typed: Mapping[str, float], chosen: Profile, length: float) -> Criteria:
    def limit(name: str, default: float | None = None) -> float | None:
        everywhere = typed.get("--" + name.replace("_", "-"), chosen.watch.get(name, default))
        return chosen.watch.get(f"{layer}.{name}", everywhere)

    quiet = limit("quiet_after")
    if quiet is not None and quiet > length:
        raise BadInput(
            f"quiet-after {validation.duration_text(quiet)}: longer than the watch, {validation.duration_text(length)}"
        )
    return Criteria(
        layer=layer,
        max_outage=limit("max_outage", DEFAULT_MAX_OUTAGE),
        max_total=limit("max_total"),
        quiet_after=quiet,
    )


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
