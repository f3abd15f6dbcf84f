"""What nginx is told to answer: one pair of blocks per kind of app.

`outer` are the locations of the server that the world sees: they hand on. `inner` are the locations of the server
behind it, for the apps that nginx answers itself. `reply` is a fixed answer.
"""

from __future__ import annotations

import json
from pathlib import Path

from lab import images
from lab.embedded.apps import WEB_UI
from lab.real import named
from lab.real.storage import BLOBS, CACHE_PREFIX, Storage, Store
from lab.servers import Blobs, Cdn, Charts, Doh, Receiver, Registry, Reply
from lab.world import Site, World

_LONGEST = 3500
"""Bytes of a body that nginx's configuration parser takes in one word."""
_SINGLE = ("server", "date", "content-length", "connection", "transfer-encoding")
"""Headers that nginx writes itself."""
_SIGNED = "sig"
"""The query parameter without which a CDN host gives nothing."""
_SIGNATURE = f"X-Lab-Expires=600&{_SIGNED}=3f9a1c"
_REDIRECTS = (301, 302, 303, 307, 308)
"""Statuses with which nginx takes the text after them for the Location, and writes a body of its own."""
_READ = "/receiver/stsAgent/(features|api/v1/validate)"
_WRITE = "/receiver/stsAgent/(intake|api/v1/(series|collector|connections)|logs/k8s|rbac/scope)"
_OTLP = "(/receiver/stsAgent)?/otel/v1/(traces|metrics|logs)"
_FEATURES = {"upgrade-to-multi-metrics": True, "expose-kubernetes-status": True, "max-connections-per-message": 1000}


def quote(text: str) -> str:
    """A word of nginx's configuration; a dollar sign has to come from a variable."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quotable(reply: Reply) -> bool:
    """Whether nginx can give this answer."""
    try:
        reply.body.decode()
    except UnicodeDecodeError:
        return False
    names = [name.lower() for name, _ in reply.headers]
    return len(reply.body) <= _LONGEST and b"\0" not in reply.body and not set(names) & set(_SINGLE)


def reply(fixed: Reply) -> str:
    """A fixed answer. Placeholders in header values become nginx's variables."""
    location = next((value for name, value in fixed.headers if name.lower() == "location"), None)
    if fixed.status in _REDIRECTS and location is not None:
        return f"return {fixed.status} {_filled(location)};"
    lines = [] if any(name.lower() == "content-type" for name, _ in fixed.headers) else ['default_type "";']
    for name, value in fixed.headers:
        filled = _filled(value)
        lines.append(
            f"default_type {filled};" if name.lower() == "content-type" else f"add_header {name} {filled} always;"
        )
    return f"{' '.join(lines)} return {fixed.status} {_text(fixed.body.decode())};"


def outer(world: World, site: Site, storage: Storage, socket: str) -> str:
    """The locations that the world sees."""
    if isinstance(site.app, Registry):
        return _registry(storage.of(site))
    if isinstance(site.app, Cdn):
        return _cdn(storage.cdn_root(site))
    if isinstance(site.app, Doh):
        bind = named.doh_client(world, site)
        return (
            f"location = /dns-query {{ grpc_pass grpc://{named.DOH_UPSTREAM}; grpc_socket_keepalive on;"
            f" grpc_bind {bind}; }} location / {{ return 404; }}"
        )
    return f"location / {{ proxy_pass http://{socket}; }}"


def inner(world: World, site: Site, directory: Path) -> str:
    """The locations behind `outer`."""
    if isinstance(site.app, Receiver):
        return _receiver(site.app)
    if isinstance(site.app, Charts):
        root = directory / site.name
        root.mkdir()
        (root / "index.yaml").write_bytes(images.chart_index(world.charts))
        for chart in world.charts:
            (root / images.archive_name(chart)).write_bytes(images.chart_archive(chart))
        types = "types { application/yaml yaml; application/gzip tgz; }"
        return f"location / {{ root {root}; {types} }}"
    return ""


def _receiver(app: Receiver) -> str:
    refusal = json.dumps({"_type": "Unauthorized", "message": "API key is missing or invalid"})
    presented = """
            default_type application/json;
            set $presented $http_sts_api_key;
            if ($presented = "") { set $presented $arg_api_key; }
            if ($presented = "") { set $presented $http_authorization; }"""
    refuses = f"if ($presented !~ {quote(f'^(ApiKey )?{app.key}$')}) {{ return {app.refuses_with} {_text(refusal)}; }}"
    return f"""
        default_type "text/plain; charset=UTF-8";
        location ~ ^{_READ}$ {{
            {presented}
            if ($request_method !~ ^(GET|HEAD)$) {{ return 405 "HTTP method not allowed, supported methods: GET"; }}
            {refuses}
            return 200 {_text(json.dumps(_FEATURES))};
        }}
        location ~ ^{_WRITE}$ {{
            {presented}
            if ($request_method != POST) {{ return 405 "HTTP method not allowed, supported methods: POST"; }}
            {refuses}
            return 200 "{{}}";
        }}
        location ~ ^{_OTLP}$ {{ return 401 "Unauthorized"; }}
        location ~ ^(/receiver/stsAgent|/otel/v1)(/|$) {{ return 404 "The requested resource could not be found."; }}
        location / {{ default_type "text/html; charset=utf-8"; return 200 {_text(WEB_UI.decode())}; }}"""


def _registry(store: Store) -> str:
    """Each prefix leads to a docker-registry; so do the redirects to blobs that it makes, after their signing."""
    copies = f"""
        set $lab_registry 127.0.0.1:{store.port};
        if ($request_method = HEAD) {{ set $lab_registry 127.0.0.1:{store.door}; }}
        proxy_pass http://$lab_registry;"""
    redirect = f"proxy_redirect ~^https://[^/]+/{BLOBS}(?<blob>/.*)$ {_blob_url(store.app)};" if store.redirects else ""
    locations = [_choice_of_cdn(store.app), f"location /v2/ {{ {redirect} {copies} }}", "location / { return 404; }"]
    if store.token_port:
        locations.append(f"location = /v2/auth {{ proxy_pass http://127.0.0.1:{store.token_port}; }}")
    if store.source:
        cache = f"rewrite ^/v2/{CACHE_PREFIX}(.*)$ /v2/$1 break; proxy_pass http://127.0.0.1:{store.cache};"
        locations.append(f"location /v2/{CACHE_PREFIX} {{ {cache} }}")
    if store.app.blobs is Blobs.RELATIVE:
        types = "types { } default_type application/octet-stream;"
        locations.append(f"location /_blobs/ {{ alias {store.blobs}/; {types} }}")
    return "\n".join(locations)


def _choice_of_cdn(app: Registry) -> str:
    """Which CDN host gives a blob is decided by its digest, so it is the same in every run."""
    lines = [f"set $lab_cdn {app.cdn[0]};"] if app.cdn else []
    for number, host in enumerate(app.cdn):
        digits = "".join(f"{digit:x}" for digit in range(16) if digit % len(app.cdn) == number)
        lines.append(f'if ($request_uri ~ "[{digits}]$") {{ set $lab_cdn {host}; }}')
    return " ".join(lines)


def _blob_url(app: Registry) -> str:
    return "/_blobs$blob" if app.blobs is Blobs.RELATIVE else f"https://$lab_cdn/{BLOBS}$blob?{_SIGNATURE}"


def _cdn(root: Path) -> str:
    """The blobs, to signed URLs only. Unlike S3 it takes no offence at Authorization: clients made with Go
    hand that on to subdomains of the registry. The log says who sent it."""
    return f"""
        location /{BLOBS}/ {{
            root {root};
            types {{ }}
            default_type application/octet-stream;
            if ($request_method != GET) {{ return 403 "AccessDenied"; }}
            if ($arg_{_SIGNED} = "") {{ return 403 "AccessDenied"; }}
        }}
        location / {{ return 403 "AccessDenied"; }}"""


def _filled(value: str) -> str:
    return _text(value).replace("{host}", "$http_host").replace("{path}", "$http_x_lab_path")


def _text(text: str) -> str:
    return quote(text).replace("$", "${lab_dollar}")
