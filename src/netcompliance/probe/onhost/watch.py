"""The watch: probes of every path between host and service, over and over, until a planned end.

Theory. Paths are: what each nameserver is asked (layer `dns`; behind a proxy, for its name), each address of the tenant
(`tcp`, and rarely `tls` and `http`), the registry and the hosts of its layers (`registry`, rarely). Behind an explicit
proxy there is one path, through it: its addresses for `tcp`, a tunnel for the rest. What is sampled becomes runs
(`streaks`), which go to whoever listens (`spool`).

Rules
* The watch ignores that its terminal or its session goes away, and ends by itself: at the planned end, when it is told
  to stop, or by SIGTERM. Its spool is removed by whoever collected it, or by itself after `LINGER` seconds.
* Moments are of the host's clock as it was at the beginning; a clock that is set meanwhile moves nothing.
* What is interrupted at the planned end is sampled on, with all else, until it is not or has been for longer than what
  is accepted (`beyond`, from the plan): so a short interruption at the end is known as well as any other.
* Times are bounded and rates stated: `every` for connections and queries, `rarely` for handshakes and requests.
"""

import gc
import itertools
import os
import resource
import signal
import sys
import threading
import time
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from netcompliance.probe.onhost.connect_sampler import Engine, TcpPath, Tell
from netcompliance.probe.onhost.https_sampler import Probes
from netcompliance.probe.onhost.https_sampler import Tell as TellHttps
from netcompliance.probe.onhost.limits import allow_many_files
from netcompliance.probe.onhost.names import RESOLV_CONF, Lookup, read_text, resolver_settings
from netcompliance.probe.onhost.proofs import is_tenant, leads_on
from netcompliance.probe.onhost.pullprobes import WHOLE, PullProbes
from netcompliance.probe.onhost.receiverprobes import ReceiverProbes
from netcompliance.probe.onhost.route import Proxy, Route
from netcompliance.probe.onhost.spool import Spool
from netcompliance.probe.onhost.streaks import Streaks
from netcompliance.probe.onhost.transports import Direct, Nearest, Transport, Tunnelled
from netcompliance.probe.onhost.trust import Trust
from netcompliance.probe.onhost.visit import SENTINEL, Output, Visit
from netcompliance.probe.onhost.watchednames import IsThere, WatchedName

Record = Dict[str, Any]

BEAT = 1.0
"""Seconds between two words on what is open."""
BLIND = 5
"""Probes that may be missed before a run ends for want of them,"""
BLIND_LEAST = 1.0
"""but not less than so many seconds."""
ON = 0.05
"""Seconds between two looks, beyond the planned end, at what is still interrupted."""
LAST_PROBES = 1.0
"""Seconds that the last probes are given to end."""
LINGER = 600.0
"""Seconds after the planned end in which a spool waits to be collected."""
PROVED_AGAIN = 1.0
"""Seconds, at least, between two handshakes with an address that is given and not watched."""
LOOK_UP = 10.0
"""Seconds between two look-ups of the tenant's addresses."""
M_ARENA_MAX = -8
DNS_PORT = 53


def main(plan: Record) -> None:
    """Watch, and end the process."""
    os.umask(0o077)
    gc.enable()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        os.setsid()
    except OSError:
        pass  # already the leader of a session of its own
    allow_many_files()
    _share_memory()
    os.set_blocking(1, False)
    asked = plan["watch"]
    handover = Spool(asked["id"], 1)
    handover.greet(SENTINEL)
    Watch(plan, handover).run()
    os._exit(0)


class Quiet(Visit):
    """What the probes share; it keeps nothing that grows."""

    def owns(self, port: int, seconds: float) -> None:
        """Nobody asks."""

    def find(self, host: str) -> List[str]:
        """The addresses that the name has now."""
        lookup = Lookup(host)
        lookup.wait(self)
        return lookup.addresses


class Watch:
    """One watch."""

    def __init__(self, plan: Record, handover: Spool) -> None:
        self._asked: Record = plan["watch"]
        self._handover = handover
        self._visit = Quiet(plan, Output(lambda _: None), (None, None), Trust(plan.get("trust")))
        self._clock = (time.time(), time.monotonic())
        self._end = self._clock[1] + self._asked["seconds"]
        self._engine = Engine(self._asked["every"], self._wall)
        self._numbers = itertools.count(1)
        self._runs: Dict[Tuple[str, str], Streaks] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._why: Optional[str] = None
        self._over = False
        """The last word is said: what a slow probe finds out after it comes too late."""
        self._beat = 0.0
        self._https_samplers: List[Probes] = []
        self._known: List[str] = []
        self._found: List[str] = []
        self._issuers: Dict[str, str] = {}
        """Who issued the certificate that was shown first, by path."""

    def run(self) -> None:
        """From beginning to end."""
        signal.signal(signal.SIGTERM, lambda *_: self._stop("terminated"))
        signal.signal(signal.SIGINT, lambda *_: self._stop("terminated"))
        threading.Thread(target=self._listen, daemon=True).start()
        self._say(
            {
                "kind": "watch", "what": "begin", "at": self._clock[0], "id": self._asked["id"], "pid": os.getpid(),
                "planned": self._asked["seconds"], "every": self._asked["every"], "rarely": self._asked["rarely"],
                "seldom": self._asked["seldom"],
                "calls": len(self._asked.get("calls", ())), "calls_at_once": self._asked.get("calls_at_once", 1),
            }
        )  # fmt: skip
        self._begin()
        while self._why is None:
            now = time.monotonic()
            if now >= self._end and not self._goes_on(now):
                self._stop("planned")
            self._engine.turn(min(0.2, max(0.0, self._end - now) or ON))
            self._look_around(now)
        self._finish()

    def _goes_on(self, now: float) -> bool:
        """After the planned end: is there a path of which it is not known yet how long it is interrupted?"""
        beyond = self._asked.get("beyond", 0.0)
        if now >= self._end + beyond:
            return False
        if self._engine.waits(self._end) or any(probes.waits(self._end) for probes in self._https_samplers):
            return True
        with self._lock:
            return any(runs.unsettled(self._wall(now), beyond) for runs in self._runs.values())

    def _begin(self) -> None:
        host, port = self._asked["host"], self._asked["port"]
        route = self._visit.route("watch", host, port)
        if route.proxy is None:
            self._watch_name(host, self._known.__contains__, self._is_tenant)
            for address in self._asked["addresses"]:
                self._watch_address(address)
            self._background(self._look_up, host)
        else:
            self._watch_proxy(host, port, route)
        if self._asked.get("registry"):
            self._watch_registry(self._asked["registry"]["host"], self._asked["registry"])
        for other in self._asked.get("layers", ()):
            self._watch_registry("%s:%d" % (other["host"], other["port"]), other)

    def _watch_name(self, name: str, is_known: Callable[[str], bool], is_there: IsThere) -> None:
        """All that a look-up of the name asks of each nameserver."""
        port, again = self._asked.get("dns_port", DNS_PORT), max(PROVED_AGAIN, self._asked["rarely"])
        watched = WatchedName(name, port, is_known, is_there, again)
        servers = resolver_settings(read_text(RESOLV_CONF))["nameservers"] or ["127.0.0.1"]
        servers = list(dict.fromkeys(servers))[: self._visit.limits["nameservers"]]
        if watched.needed:
            every = self._asked["every"]
            for path in watched.paths(servers, lambda path: self._into(self._path("dns", path, every))):
                self._engine.add(path)

    def _is_tenant(self, address: str) -> Optional[bool]:
        asked = self._asked
        return is_tenant(self._visit, asked["host"], asked["port"], address, asked["request"], self._known_issuers())

    def _leads_on(self, proxy: Proxy, address: str) -> Optional[bool]:
        asked, issuers = self._asked, self._known_issuers()
        return leads_on(self._visit, proxy, asked["host"], asked["port"], address, asked["request"], issuers)

    def _known_issuers(self) -> Set[str]:
        with self._lock:
            return set(self._issuers.values())

    def _watch_address(self, address: str) -> None:
        if address in self._known or len(self._known) >= self._visit.limits["addresses"]:
            return
        self._known.append(address)
        host, port = self._asked["host"], self._asked["port"]
        name = "[%s]:%d" % (address, port) if ":" in address else "%s:%d" % (address, port)
        self._engine.add(TcpPath(address, port, self._into(self._path("tcp", name, self._asked["every"]))))
        self._watch_receiver(name, lambda: Direct(self._visit, "watch", host, port, address), has_tcp=True)

    def _watch_proxy(self, host: str, port: int, route: Route) -> None:
        proxy = route.proxy
        assert proxy is not None
        addresses = self._visit.find(proxy.host)[:4]
        for address in addresses:
            name = "%s:%d" % ("[%s]" % address if ":" in address else address, proxy.port)
            runs = self._path("tcp", name, self._asked["every"])
            self._engine.add(TcpPath(address, proxy.port, self._into(runs)))
        self._visit.book.announce(proxy.host, addresses)
        self._watch_name(proxy.host, addresses.__contains__, lambda at: self._leads_on(proxy, at))
        way = lambda: Tunnelled(self._visit, "watch", host, port, proxy)  # noqa: E731 - short
        self._watch_receiver("via " + proxy.url, way, has_tcp=False)

    def _watch_registry(self, name: str, registry: Record) -> None:
        seldom = self._asked["seldom"]
        tell, skip = self._tellers({WHOLE: ("registry", name)}, seldom)
        way = lambda: self._way_to(registry["host"], registry["port"])  # noqa: E731 - short
        self._start(
            PullProbes(
                self._visit, registry, way, tell, seldom, self._wall, skip=skip, stalled=self._stalled,
                way_to=self._way_to,
            ),
            seldom,
        )  # fmt: skip

    def _way_to(self, host: str, port: int) -> Transport:
        """The one that a client takes that is not judged address by address."""
        proxy = self._visit.route("watch", host, port).proxy
        if proxy is not None:
            return Tunnelled(self._visit, "watch", host, port, proxy)
        return Nearest(self._visit, port, self._visit.find(host))

    def _path(self, layer: str, name: str, every: float) -> Streaks:
        """The runs of a path; both names are its own."""
        fields: Record = {
            "task": "watch", "layer": layer, "path": name, "every": every, "since": self._wall(time.monotonic()),
        }  # fmt: skip
        blind = max(BLIND_LEAST, BLIND * every)
        with self._lock:
            return self._runs.setdefault((layer, name), Streaks(self._tell, self._numbers, fields, blind))

    def _into(self, runs: Streaks) -> Tell:
        def tell(at: float, error: Optional[Record], answer: Optional[Record], took: float) -> None:
            with self._lock:
                if not self._over:
                    runs.add(at, error, answer, None, took)

        return tell

    def _tellers(self, layers: Dict[str, Tuple[str, str]], rarely: float) -> Tuple[TellHttps, Callable[[str], None]]:
        """For handshakes and requests: the runs of their layers; and what to say where one of these has no sample."""
        runs = {each: self._path(*place, rarely) for each, place in layers.items()}

        def tell(
            layer: str, at: float, error: Optional[Record], answer: Optional[Record], seen: Optional[Record],
            took: float,
        ) -> None:  # fmt: skip
            with self._lock:
                if layer == "tls" and answer is not None:
                    self._issuers.setdefault(layers[layer][1], answer["issuer"])
                if not self._over:
                    runs[layer].add(at, error, answer, seen, took)

        def skip(layer: str) -> None:
            with self._lock:
                if not self._over:
                    runs[layer].close()

        return tell, skip

    def _watch_receiver(self, name: str, way: Callable[[], Transport], *, has_tcp: bool) -> None:
        rarely = self._asked["rarely"]
        layers = {"tls": ("tls", name), "http": ("http", name), "post": ("http", name + " POST")}
        tell, skip = self._tellers(layers, rarely)
        self._start(
            ReceiverProbes(
                self._visit, self._asked, way, tell, rarely, self._wall, skip=skip, stalled=self._stalled,
                has_tcp=has_tcp,
            ),
            rarely,
        )  # fmt: skip

    def _stalled(self, since: float) -> bool:
        return self._engine.stalled >= since

    def _start(self, probes: Probes, rarely: float) -> None:
        self._https_samplers.append(probes)
        self._background(probes.run, self._stopped, len(self._runs) * 0.05 % min(1.0, rarely))

    def _background(self, work: Callable[..., None], *arguments: Any) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _look_up(self, host: str) -> None:
        """Addresses that the name gets and keeps are watched too, and so are those that it loses."""
        before: List[str] = []
        while not self._stopped.is_set():
            found = self._visit.find(host)
            self._found.extend(address for address in found if address in before or not self._known)
            before = found
            self._stopped.wait(LOOK_UP)

    def _look_around(self, now: float) -> None:
        while self._found:
            self._watch_address(self._found.pop())
        if now - self._beat < BEAT:
            return
        self._beat = now
        with self._lock:
            self._handover.look()
            if self._handover.nowhere or self._handover.asked_to_stop():
                self._stop("stopped")
            self._mention()

    def _mention(self) -> None:
        opened = [now for now in (runs.now() for runs in self._runs.values()) if now is not None]
        self._handover.mention(
            {
                "kind": "watch", "what": "alive", "at": self._wall(time.monotonic()), "open": opened,
                "cpu": time.process_time(), "pid": os.getpid(),
            }
        )  # fmt: skip

    def _finish(self) -> None:
        """Let the last probes end, close the runs, say so, and wait until somebody has it."""
        end = time.monotonic() + (LAST_PROBES if self._why != "terminated" else 0.0)
        self._stopped.set()
        self._engine.last()
        while time.monotonic() < end and (self._engine.busy or any(probes.busy for probes in self._https_samplers)):
            self._engine.turn(0.05)
        self._engine.close()
        with self._lock:
            self._over = True
            for runs in self._runs.values():
                runs.close()
            self._handover.say(
                {
                    "kind": "watch", "what": "end", "task": "watch", "at": self._wall(time.monotonic()),
                    "why": self._why, "seconds": time.monotonic() - self._clock[1], "cpu": time.process_time(),
                    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
                }
            )  # fmt: skip
        self._wait_for_collector()

    def _wait_for_collector(self) -> None:
        """Until the last record is acknowledged, or the spool is taken away; then nothing is left of it."""
        end = time.monotonic() + LINGER
        while self._why != "terminated" and time.monotonic() < end:
            with self._lock:
                self._handover.look()
                if self._handover.nowhere or self._handover.done:
                    break
            time.sleep(0.05 if not self._handover.lost else BEAT)
        self._handover.clean()

    def _stop(self, why: str) -> None:
        if self._why is None or why == "terminated":
            self._why = why

    def _listen(self) -> None:
        """What the other side says on standard input; at its end it is gone."""
        for line in sys.stdin.buffer:
            words = line.split()
            if words == [b"stop"]:
                self._stop("stopped")
            elif len(words) == 2 and words[0] == b"ack" and words[1].isdigit():
                with self._lock:
                    self._handover.acknowledged(int(words[1]))
        with self._lock:
            self._handover.lose()

    def _tell(self, record: Record) -> None:
        self._say(record)

    def _say(self, record: Record) -> None:
        self._handover.say(record)

    def _wall(self, moment: float) -> float:
        return self._clock[0] + moment - self._clock[1]


def _share_memory() -> None:
    """Let all threads share one heap: each of glibc's own would keep what it once needed, for hours."""
    try:
        import ctypes

        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
    except Exception:
        return
