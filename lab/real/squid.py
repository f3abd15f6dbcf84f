"""squid as the company's explicit proxy: CONNECT over HTTP and over TLS, 407, 403, and TLS bump with the device CA.

squid refuses to run as root. Where the lab has other users, as root started it, it runs as one of them; where there is
none but root, in a user namespace of its own in which it never was root. It keeps shared memory in /dev/shm, which a
killed squid would leave behind: inside the lab that is a private mount. It asks the Internet's authority for names: a
proxy has its own view of the DNS, not its clients'.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lab import linux
from lab.backend import BackendError, Stage
from lab.real import globs, named, programs, ready
from lab.servers import Proxy, ResponseFault
from lab.world import Authority, Machine, Site, World

_DAEMON = "squid"
_USER = "13"
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a mount point, no file
_LOG = (
    '{{"at": %ts.%03tu, "event": "connect", "site": "{site}", "from": ["%>a", %>p], "method": "%rm", "target": "%ru",'
    ' "status": %>Hs}}'
)
_MAIN = """\
visible_hostname proxy.corp.example
pid_filename none
cache_log {directory}/cache.log
buffered_logs off
cache deny all
cache_mem 4 MB
memory_pools off
shared_memory_locking off
pinger_enable off
hosts_file none
dns_nameservers {nameserver}
max_filedescriptors 1024
shutdown_lifetime 0 seconds
coredump_dir none
connect_timeout 10 seconds
sslproxy_session_cache_size 0
tls_outgoing_options cafile={trust}
acl CONNECT method CONNECT
"""


def unplayable(world: World) -> Iterator[str]:
    """What of the world's proxies squid cannot do."""
    for site, app in _proxies(world):
        if app.reply is not None or site.rules:
            yield "a proxy with an answer of its own"
        if (app.sometimes, app.refuses_agents, app.delay, app.tunnel) != ((), (), 0.0, ResponseFault.PLAIN):
            yield "a proxy with limits of its own"
        if app.grants_with != Proxy().grants_with:
            yield "a proxy that grants in words of its own"
        if app.bumps and site.tls:
            yield "a proxy that opens TLS inside TLS"


def start(world: World, stage: Stage) -> None:
    """Write the configuration and start squid, if some proxy listens."""
    if not _proxies(world):
        return
    linux.mount("tmpfs", _SHARED_MEMORY, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=1777")
    directory = stage.directory / _DAEMON
    directory.mkdir()
    directory.chmod(0o777)
    stage.log.touch()
    stage.log.chmod(0o666)
    trust = directory / "public.pem"
    trust.write_text(stage.pki.root_pem([Authority.PUBLIC]))
    main = _MAIN.format(directory=directory, nameserver=named.AUTHORITY, trust=trust)
    lines = [line for number, (site, app) in enumerate(_proxies(world)) for line in _lines(stage, number, site, app)]
    lines = [*_logins(world, directory), *_certificates(world, directory), *lines, "http_access deny all"]
    (directory / "squid.conf").write_text(main + "\n".join(lines) + "\n")
    command = [programs.copy(stage, "squid"), "-N", "-n", "lab", "-f", f"{directory}/squid.conf"]
    stage.start(Machine.CORP, _DAEMON, [*_as_somebody_else(), *command])


def wait(world: World, stage: Stage) -> None:
    """Wait until every proxy accepts connections."""
    for site, _ in _proxies(world):
        ready.until_open(stage, _DAEMON, site.machine, site.addresses[0], site.port)


def _proxies(world: World) -> list[tuple[Site, Proxy]]:
    return [(site, site.app) for site in world.sites if isinstance(site.app, Proxy) and site.listens]


def _lines(stage: Stage, number: int, site: Site, app: Proxy) -> Iterator[str]:
    """Listening ports and access rules of one proxy."""
    for address in site.addresses:
        yield f"{_port(stage, site, app)[0]} {address}:{site.port} name={site.name} {_port(stage, site, app)[1]}"
    yield f"acl at_{number} myportname {site.name}"
    yield f"logformat lab_{number} {_LOG.format(site=site.name)}"
    yield f"access_log stdio:{stage.log} logformat=lab_{number} at_{number}"
    if app.needs_login:
        yield f"http_access deny at_{number} !known"
    if app.denies:
        yield f"acl denied_{number} url_regex -i {' '.join(f'^{globs.regex(pattern)}$' for pattern in app.denies)}"
        yield f"http_access deny at_{number} denied_{number}"
    if app.rules:
        yield from app.rules.splitlines()
    else:
        yield f"http_access allow at_{number} CONNECT"
    if app.bumps:
        yield f"acl bumped_{number} url_regex -i {' '.join(f'^{globs.regex(pattern)}$' for pattern in app.bumps)}"
        yield f"http_access allow at_{number}"
        yield f"ssl_bump bump at_{number} bumped_{number}"


def _port(stage: Stage, site: Site, app: Proxy) -> tuple[str, str]:
    if site.tls:
        certificate = stage.pki.leaf(site)
        return "https_port", f"tls-cert={certificate} tls-key={certificate}"
    if app.bumps:
        certificate, key = stage.pki.ca_files(Authority.DEVICE)
        return "http_port", f"ssl-bump tls-cert={certificate} tls-key={key} generate-host-certificates=on"
    return "http_port", ""


def _logins(world: World, directory: Path) -> Iterator[str]:
    logins = {app.login for _, app in _proxies(world) if app.needs_login}
    if logins:
        passwords = directory / "passwords"
        entries = (login.partition(":") for login in sorted(logins))
        digests = ((user, hashlib.md5(word.encode(), usedforsecurity=False).hexdigest()) for user, _, word in entries)
        passwords.write_text("".join(f"{user}:{digest}\n" for user, digest in digests))
        yield f"auth_param basic program {programs.squid_helper('basic_ncsa_auth')} {passwords}"
        yield "auth_param basic children 2 startup=1 idle=1"
        yield "auth_param basic realm Example Corp proxy"
        yield "acl known proxy_auth REQUIRED"


def _certificates(world: World, directory: Path) -> Iterator[str]:
    if any(app.bumps for _, app in _proxies(world)):
        helper = programs.squid_helper("security_file_certgen")
        database = directory / "certificates"
        command = [*_as_somebody_else(), helper, "-c", "-s", str(database), "-M", "4MB"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            raise BackendError(f"{helper} failed: {made.stderr.strip()}")
        yield f"sslcrtd_program {helper} -s {database} -M 4MB"
        yield "sslcrtd_children 2 startup=1 idle=1"


def _as_somebody_else() -> list[str]:
    """The command in front of a command that must not run as root."""
    users = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines())
    if users > int(_USER):
        return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups", "--"]
    return ["unshare", "--user", f"--map-user={_USER}", f"--map-group={_USER}", "--"]
