"""nginx as everything that speaks HTTP: tenant, registry front, CDN, chart repository, DNS over HTTPS, block pages.

Theory. One nginx per machine. A site is an outer server with the world's addresses and certificate, which hands every
request to an upstream, as an ingress does: to an inner server of the same nginx on a Unix socket (`lab.real.answers`
writes both), or to a daemon. A site's rules stand in the outer server, as `map`s that rewrite what matches to a
location of its own; what is slow waits in a subrequest (`auth_request`) before it is answered. What is done to a
ClientHello is not nginx's business: see `lab.real.wire`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.backend import Stage
from lab.embedded.log import NO_KEY
from lab.real import answers, globs, programs, ready
from lab.real.answers import quote
from lab.real.storage import Storage
from lab.servers import Cdn, Charts, Fixed, Proxy, ResponseFault, Rule
from lab.world import Machine, Site, Tls, World

_BLACK_HOLE = "192.0.2.200:80"
"""An address that nobody has: a back end that never answers."""
_INNER = (ResponseFault.PLAIN, ResponseFault.DRIP)
_OUTER = {
    ResponseFault.CLOSE: "return 444;",
    ResponseFault.RESET: "reset_timedout_connection on; return 444;",
    ResponseFault.STALL: f"proxy_pass http://{_BLACK_HOLE}; proxy_connect_timeout 75s;",
}
_VERSIONS = {
    ssl.TLSVersion.TLSv1: "TLSv1",
    ssl.TLSVersion.TLSv1_1: "TLSv1.1",
    ssl.TLSVersion.TLSv1_2: "TLSv1.2",
    ssl.TLSVersion.TLSv1_3: "TLSv1.3",
}
_MATCHED = '"$request_method $lab_authorization $lab_path"'
_MAIN = """\
user root; daemon off; master_process off; pid {directory}/nginx.pid; worker_rlimit_nofile 16384;
error_log stderr warn;
{modules}
events {{ worker_connections 8192; }}
http {{
    types_hash_max_size 4096; variables_hash_max_size 4096; map_hash_bucket_size 512;
    log_format lab escape=json '{{"at": $msec, "event": "http", "site": "$lab_site", "sni": "$ssl_server_name", '
        '"to": ["$server_addr", $server_port], "from": ["$remote_addr", $remote_port], '
        '"method": "$request_method", "path": "$lab_path", "status": $status, '
        '"values": {{"host": "$http_host", "user-agent": "$http_user_agent", "content-length": "$content_length"}}, '
        '"authorization": $lab_authorization, "key": $lab_key}}';
    access_log {log} lab;
    map $http_authorization $lab_authorization {{ default true; "" false; "ApiKey {no_key}" false; }}
    map $http_sts_api_key $lab_key {{ default true; "" false; {no_key} false; }}
    map $request_uri $lab_path {{ ~^(?<lab_path_only>[^?]*) $lab_path_only; }}
    geo $lab_dollar {{ default "$"; }}
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    client_max_body_size 0; server_tokens off; absolute_redirect off; keepalive_requests 1000;
    proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_set_header Connection "";
    proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Lab-Path $request_uri; proxy_pass_header Server;
{blocks}
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fronts:
    """The sites of one machine that nginx plays."""

    machine: Machine
    sites: tuple[Site, ...]

    @property
    def daemon(self) -> str:
        return f"nginx-{self.machine}"


def unplayable(world: World) -> Iterator[str]:
    """What of the world's sites nginx cannot do."""
    if world.clock_offset:
        yield "servers whose clock is off"
    yield from ("a 408 that nobody asked for" for site in _sites(world) if site.takes_leave)
    for site in _sites(world):
        if isinstance(site.app, Cdn) and (site.app.ranges != 206 or site.app.corrupt_middle):
            yield "a CDN of another kind"
        if isinstance(site.app, Charts) and site.app.archives:
            yield "charts that are elsewhere"
        if site.tls is not None and _handshake(site.tls) != _handshake(Tls()):
            yield "a handshake that no OpenSSL makes"
        for rule in _rules(site):
            if rule.larger_than >= 0 and (rule.path != "*" or rule.reply is None):
                yield "a body limit for some paths only"
            if rule.header or rule.query or rule.without_key or rule.interim:
                yield "an answer that depends on a header, the query or the key, or one with an interim answer"
            if rule.times or rule.manner is not ResponseFault.PLAIN:
                yield "an answer that is given a few times, or stops"
            if rule.reply is None:
                continue
            if rule.reply.manner not in {*_OUTER, *_INNER}:
                yield f"an answer in the manner {rule.reply.manner}"
            if not answers.quotable(rule.reply):
                yield "an answer whose headers or body do not fit into nginx's configuration"


def start(world: World, stage: Stage, storage: Storage) -> None:
    """Write the configurations and start one nginx per machine that has sites."""
    for fronts in _fronts(world):
        directory = stage.directory / fronts.daemon
        directory.mkdir()
        blocks = "\n".join(_blocks(world, stage, storage, fronts, directory))
        modules = "load_module modules/ngx_http_echo_module.so;" if any(map(_delays, fronts.sites)) else ""
        text = _MAIN.format(directory=directory, log=stage.log, blocks=blocks, modules=modules, no_key=NO_KEY)
        (directory / "nginx.conf").write_text(text)
        command = [programs.path("nginx"), "-e", "stderr", "-c", f"{directory}/nginx.conf"]
        stage.start(fronts.machine, fronts.daemon, command)


def wait(world: World, stage: Stage) -> None:
    """Wait until nginx accepts connections. It listens everywhere or nowhere."""
    for fronts in _fronts(world):
        site = fronts.sites[-1]
        ready.until_open(stage, fronts.daemon, fronts.machine, site.addresses[-1], site.port)


def _handshake(tls: Tls) -> tuple[object, ...]:
    """What of a handshake is not nginx's to say."""
    return (
        tls.delay,
        tls.alert,
        tls.refuses,
        tls.needs,
        tls.ciphers,
        tls.key,
        tls.protocols,
        tls.http2,
        tls.wants_certificate,
        tls.tickets,
    )


def _sites(world: World) -> list[Site]:
    return [site for site in world.sites if site.listens and not isinstance(site.app, Proxy)]


def _fronts(world: World) -> Iterator[_Fronts]:
    for machine in Machine:
        if sites := tuple(site for site in _sites(world) if site.machine is machine):
            yield _Fronts(machine=machine, sites=sites)


def _rules(site: Site) -> tuple[Rule, ...]:
    """The site's rules; a fixed answer is one more."""
    return (*site.rules, Rule(reply=site.app.reply)) if isinstance(site.app, Fixed) else site.rules


def _blocks(world: World, stage: Stage, storage: Storage, fronts: _Fronts, directory: Path) -> Iterator[str]:
    for number, site in enumerate(fronts.sites):
        socket = f"unix:{directory}/{number}.sock"
        yield from _maps(number, site)
        yield _outer(stage, site, number, socket, answers.outer(world, site, storage, socket))
        replies = "\n".join(
            f"location = /.lab/{index} {{ {answers.reply(rule.reply)} }}"
            for index, rule in enumerate(_rules(site))
            if rule.reply is not None and rule.reply.manner in _INNER
        )
        inner = answers.inner(world, site, directory)
        yield f"server {{ listen {socket}; access_log off; {replies}\n{inner} }}"


def _outer(stage: Stage, site: Site, number: int, socket: str, locations: str) -> str:
    listen = "\n".join(
        f"listen {_bracketed(address)}:{site.port}{' ssl' if site.tls else ''};" for address in site.addresses
    )
    rules = "\n".join(_rule(number, index, rule, socket) for index, rule in enumerate(_rules(site)))
    sleep = f"""
        auth_request /.lab/sleep;
        location = /.lab/sleep {{ internal; auth_request off; echo_sleep $lab_delay_{number}; echo; }}"""
    return f"""server {{
        {listen}
        set $lab_site {quote(site.name)};
        {_tls(stage, site)}
        {"keepalive_timeout 0;" if site.closes_connections else ""}
        {rules} {sleep if _delays(site) else ""}
        {locations}
    }}"""


def _tls(stage: Stage, site: Site) -> str:
    if site.tls is None:
        return ""
    certificate = stage.pki.leaf(site)
    lowest, highest = (ssl.TLSVersion[name] for name in site.tls.versions)
    names = " ".join(name for version, name in _VERSIONS.items() if lowest <= version <= highest)
    weak = 'ssl_ciphers "ALL:@SECLEVEL=0";' if lowest < ssl.TLSVersion.TLSv1_2 else ""
    asks = f"ssl_verify_client on; ssl_client_certificate {certificate};" if site.tls.wants_certificate else ""
    return f"ssl_certificate {certificate}; ssl_certificate_key {certificate}; ssl_protocols {names}; {weak} {asks}"


def _maps(number: int, site: Site) -> Iterator[str]:
    """Whether a request matches a rule, and how long it has to wait."""
    delays = []
    for index, rule in enumerate(_rules(site)):
        pattern = _pattern(rule)
        delay = _delay(rule)
        if delay:
            delays.append(f"{pattern} {delay};")
        if rule.reply is not None and rule.larger_than < 0:
            yield f"map {_MATCHED} $lab_rule_{number}_{index} {{ default 0; {pattern} 1; }}"
    if delays:
        yield f"map {_MATCHED} $lab_delay_{number} {{ default 0; {' '.join(delays)} }}"


def _pattern(rule: Rule) -> str:
    methods = "|".join(rule.methods) or "[A-Z]+"
    authorization = "false" if rule.without_authorization else "(true|false)"
    return quote(f"~^({methods}) {authorization} {globs.regex(rule.path)}$")


def _rule(number: int, index: int, rule: Rule, socket: str) -> str:
    if rule.reply is None:
        return ""
    own = f"/.lab/{index}"
    if rule.larger_than >= 0:
        jump = f"client_max_body_size {rule.larger_than}; error_page 413 = {own};"
    else:
        jump = f"if ($lab_rule_{number}_{index}) {{ rewrite ^ {own} last; }}"
    slow = "limit_rate 1;" if rule.reply.manner is ResponseFault.DRIP else ""
    answer = _OUTER.get(rule.reply.manner, f"{slow} proxy_pass http://{socket}:{own};")
    return f"{jump}\nlocation = {own} {{ internal; client_max_body_size 0; {answer} }}"


def _delay(rule: Rule) -> float:
    return rule.delay + (rule.reply.delay if rule.reply else 0.0)


def _delays(site: Site) -> bool:
    return any(map(_delay, _rules(site)))


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
