"""docker-registry behind every registry of the world, holding images that skopeo pushed.

Theory. A registry site is an nginx front (`lab.real.nginx`) before one docker-registry that holds copies under the
site's prefixes. Beside it on the same storage, a second one that never redirects is the door: `skopeo copy` pushes
through it, and it answers HEAD of blobs, which quay.io does not redirect either. What a registry lacks is not pushed;
what is corrupt is changed on disk afterwards. What a registry has been given lies in `KEPT` from then on, and where one
is to hold the same, it is copied. The company's registry also has a pull-through cache of the Internet's
registry under `CACHE_PREFIX`, for as long as the world says that both hold the same: a cache cannot hold anything else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import images
from lab.backend import BackendError, Stage
from lab.real import layout, named, programs, ready
from lab.real.layout import Layouts
from lab.real.tokens import TokenServer
from lab.servers import Blobs, Cdn, Registry, Tokens
from lab.world import Authority, Machine, Site, World

CACHE_PREFIX = "quay/"
BLOBS = "docker/registry/v2/blobs"
"""Where docker-registry's storage, and so the path of its redirects, has the blobs."""
KEPT = Path(__file__).resolve().parent.parent.parent / "build" / "registries"
"""Storages of registries, by what was pushed to them."""
_LOGIN = "lab:lab-registry-password"
_HTPASSWD = "lab:$2b$05$abcdefghijklmnopqrstuuo5yayEY2CCt28nTw7YUq5M2Z79309ci\n"
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The docker-registries of one site; all of them answer on loopback, on consecutive ports."""

    site: Site
    app: Registry
    name: str
    directory: Path
    port: int
    source: Site | None
    """The registry that the cache pulls through; None: no cache."""

    @property
    def door(self) -> int:
        """Where the registry answers that takes pushes and never redirects."""
        return self.port + 1

    @property
    def cache(self) -> int:
        """Where the pull-through cache answers."""
        return self.port + 2

    @property
    def token_port(self) -> int | None:
        """Where the token server answers, if there is one."""
        return None if self.app.tokens in (Tokens.NONE, Tokens.BASIC) else self.port + 3

    @property
    def redirects(self) -> bool:
        """Whether blobs are given elsewhere."""
        return self.app.blobs is Blobs.RELATIVE or (self.app.blobs is Blobs.REDIRECT and bool(self.app.cdn))

    @property
    def blobs(self) -> Path:
        """The directory of blobs."""
        return self.directory / BLOBS

    @property
    def copies(self) -> tuple[str, ...]:
        """The prefixes that hold copies."""
        return tuple(prefix for prefix in self.app.prefixes if not (self.source and prefix == CACHE_PREFIX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """All registries of a world."""

    stores: tuple[Store, ...]
    world: World
    directory: Path

    def of(self, site: Site) -> Store:
        """The registries behind a site."""
        return next(store for store in self.stores if store.site == site)

    def cdn_root(self, site: Site) -> Path:
        """What a CDN site serves: the storage of the registry that redirects to it, or a corrupted copy of that."""
        assert isinstance(site.app, Cdn)
        users = [store for store in self.stores if set(store.app.cdn) & set(site.hosts)]
        store = next(iter(users or self.stores))
        return store.directory.with_name(f"{store.name}-corrupt") if site.app.corrupt else store.directory


def plan(world: World, parent: Path) -> Storage:
    """Where everything will be."""
    directory = parent / "registries"
    sites = [(site, site.app) for site in world.sites if isinstance(site.app, Registry) and site.listens]
    stores = (
        Store(
            site=site,
            app=app,
            name=f"registry-{number}-{site.name}",
            directory=directory / f"{number}-{site.name}",
            port=5000 + 10 * number,
            source=_source(site, app, world),
        )
        for number, (site, app) in enumerate(sites)
    )
    return Storage(stores=tuple(stores), world=world, directory=directory)


def unplayable(world: World) -> Iterator[str]:
    """What of the world's registries docker-registry cannot do."""
    for site in world.sites:
        if isinstance(site.app, Registry) and set(site.app.platforms) - set(images.PLATFORMS):
            yield "a registry with platforms that no image has"


def start(storage: Storage, stage: Stage) -> None:
    """Start the registries and see that they have their images."""
    storage.directory.mkdir()
    credentials = {store.name: _start_pair(stage, store, storage.world) for store in storage.stores}
    layouts = layout.write(storage.world, [store.app for store in storage.stores], storage.directory)
    for store in storage.stores:
        ready.until_open(stage, f"{store.name}-door", store.site.machine, "127.0.0.1", store.door)
    lacking = [store for store in storage.stores if not _has_copied(_kept(store, storage, layouts), store.directory)]
    pushing = [
        _skopeo(store.site.machine, [*arguments, *credentials[store.name]])
        for store in lacking
        for prefix in store.copies
        for arguments in layouts.pushes(store.app, prefix, f"127.0.0.1:{store.door}")
    ]
    for process in pushing:
        _, errors = process.communicate()
        if process.returncode:
            raise BackendError(f"skopeo could not push an image: {errors.strip()}")
    for store in lacking:
        _keep(store.directory, _kept(store, storage, layouts))
    for store in storage.stores:
        _corrupt(store, storage, layouts)


def start_caches(storage: Storage, stage: Stage) -> None:
    """Start the pull-through caches. They ask their source at once, so it must be there."""
    for store in storage.stores:
        if store.source:
            remote: dict[str, object] = {"proxy": {"remoteurl": f"https://{store.source.hosts[0]}"}}
            directory = store.directory.with_name(f"{store.name}-cache")
            _start(stage, store, f"{store.name}-cache", directory, store.cache, remote, _own_view(stage))


def wait(storage: Storage, stage: Stage) -> None:
    """Wait until every registry accepts connections. A cache that cannot reach its source ends, and may."""
    for store in storage.stores:
        ready.until_open(stage, store.name, store.site.machine, "127.0.0.1", store.port)
        if store.source:
            ready.open_or_ended(stage, f"{store.name}-cache", store.site.machine, "127.0.0.1", store.cache)


def _source(site: Site, app: Registry, world: World) -> Site | None:
    same = app.platforms == images.PLATFORMS and not (app.missing or app.rebuilt or app.corrupt)
    if CACHE_PREFIX not in app.prefixes or not same or site.machine is Machine.INTERNET:
        return None
    registries = (other for other in world.sites if isinstance(other.app, Registry) and other.listens)
    return next((other for other in registries if other.machine is Machine.INTERNET), None)


def _start(
    stage: Stage,
    store: Store,
    name: str,
    directory: Path,
    port: int,
    settings: dict[str, object],
    wrapper: Sequence[str] = (),
) -> None:
    configuration: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "secret": "lab"},
        "storage": {
            "filesystem": {"rootdirectory": str(directory)},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
    }
    file = stage.directory / f"{name}.json"
    file.write_text(json.dumps(configuration | settings))
    stage.start(
        store.site.machine, name, [*wrapper, programs.path("docker-registry"), "serve", str(file)], _ENVIRONMENT
    )


def _own_view(stage: Stage) -> list[str]:
    """A command in front of another that lets it see the Internet's own DNS and roots, whatever the host is given."""
    directory = stage.directory / "cache"
    directory.mkdir(exist_ok=True)
    resolvers, trust = directory / "resolv.conf", directory / "public.pem"
    resolvers.write_text(f"nameserver {named.AUTHORITY}\n")
    trust.write_text(stage.pki.root_pem([Authority.PUBLIC]))
    script = 'mount --bind "$0" /etc/resolv.conf && SSL_CERT_FILE="$1" && export SSL_CERT_FILE && shift && exec "$@"'
    return ["sh", "-c", script, str(resolvers), str(trust)]


def _start_pair(stage: Stage, store: Store, world: World) -> list[str]:
    """Start the registry and its door. The result are the options with which skopeo may push."""
    app = store.app
    settings: dict[str, object] = {}
    credentials: list[str] = []
    if store.token_port:
        server = TokenServer(app=app, port=store.token_port, directory=stage.directory / f"{store.name}-tokens")
        settings["auth"] = {"token": server.settings()}
        stage.fork(store.site.machine, f"{store.name} token", server.serve)
        repositories = [prefix + image.repository for prefix in store.copies for image in world.images]
        everything = server.token([f"repository:{repository}:pull,push" for repository in repositories])
        credentials = ["--dest-registry-token", everything]
    elif app.tokens is Tokens.BASIC:
        passwords = stage.directory / f"{store.name}.htpasswd"
        passwords.write_text(_HTPASSWD)
        settings["auth"] = {"htpasswd": {"realm": app.service, "path": str(passwords)}}
        credentials = ["--dest-creds", _LOGIN]
    _start(stage, store, f"{store.name}-door", store.directory, store.door, settings)
    if store.redirects:
        base = f"https://{(*app.cdn, app.service)[0]}/"
        settings["middleware"] = {"storage": [{"name": "redirect", "options": {"baseurl": base}}]}
    _start(stage, store, store.name, store.directory, store.port, settings)
    return credentials


def _skopeo(machine: Machine, arguments: list[str]) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", machine, programs.path("skopeo"), "--insecure-policy", *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _kept(store: Store, storage: Storage, layouts: Layouts) -> Path:
    """Where the images of a registry are kept once this docker-registry has been given them."""
    program = Path(programs.path("docker-registry")).stat()
    pushed = [arguments for prefix in store.copies for arguments in layouts.pushes(store.app, prefix, "")]
    digests = [images.digest_of(layouts.of(store.app, image).index) for image in storage.world.images]
    said = repr((program.st_size, program.st_mtime_ns, pushed, digests))
    return KEPT / hashlib.sha256(said.encode()).hexdigest()


def _has_copied(kept: Path, directory: Path) -> bool:
    """Copy what is kept, if it is."""
    if kept.is_dir():
        shutil.copytree(kept, directory, dirs_exist_ok=True)
    return kept.is_dir()


def _keep(directory: Path, kept: Path) -> None:
    """Keep a storage as it is, unless others have or this checkout cannot be written to."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as making:
            shutil.copytree(directory, Path(making, "made"))
            Path(making, "made").rename(kept)


def _corrupt(store: Store, storage: Storage, layouts: Layouts) -> None:
    """Change the last byte of what arrives corrupted: on the registry's own disk, or on the CDN's."""
    every = [digest for image in storage.world.images for digest in layouts.of(store.app, image).blobs]
    if any(isinstance(site.app, Cdn) and site.app.corrupt for site in storage.world.sites):
        other = store.directory.with_name(f"{store.name}-corrupt")
        shutil.copytree(store.blobs, other / BLOBS)
        _flip(other / BLOBS, every)
    for image in storage.world.images:
        if layout.matches(image.repository, store.app.corrupt):
            _flip(store.blobs, layouts.of(store.app, image).blobs)


def _flip(blobs: Path, digests: Mapping[str, bytes] | list[str]) -> None:
    for digest in digests:
        hexadecimal = digest.removeprefix("sha256:")
        path = blobs / "sha256" / hexadecimal[:2] / hexadecimal / "data"
        if path.exists():
            content = path.read_bytes()
            path.write_bytes(content[:-1] + bytes((content[-1] ^ 1,)))
