"""The layers of a registry's images, read far enough to know that all of them would arrive.

Theory. What inspects downloads often lets their beginning pass and holds back the rest, by bytes or by seconds. So the
beginning alone proves nothing, and reading everything would be as much as a pull.

* A layer that is small is read whole.
* Of a larger one the beginning is read; of the largest of each image the middle and the end too, by ranges. A server
  that gives no ranges is as good: there more of the beginning is read.
* Once all this is over, the largest layer at each host that serves layers is read whole, for some seconds at most.
"""

import threading
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set, Tuple

from netcompliance.probe.onhost.fetch import End, Fetcher, FetchSpec
from netcompliance.probe.onhost.manifests import Descriptor
from netcompliance.probe.onhost.retries import STATUSES
from netcompliance.probe.onhost.urls import Url
from netcompliance.probe.onhost.visit import Visit

SHOWN = 256
PART = 206
WHOLE = 200

Image = Dict[str, Any]
Span = Tuple[int, int]


class Layer(NamedTuple):
    """One layer of one image."""

    image: Image
    entry: Descriptor
    url: Url
    token: Optional[str]
    largest: bool
    """Of this image."""

    def __repr__(self) -> str:
        return "Layer(%s)" % self.image["name"]


class Layers:
    """All layers of one registry. Whoever may still bring some is counted by `begin` and `end`."""

    def __init__(self, visit: Visit, task: str, fetcher: Fetcher) -> None:
        self._visit = visit
        self._task = task
        self._fetcher = fetcher
        self._lock = threading.Lock()
        self._expected = 0
        self._largest: Dict[str, Layer] = {}
        """By the host that serves it."""
        self._stopped: Set[str] = set()
        """Hosts at which a transfer has stopped: a larger one would, too."""

    def begin(self, count: int = 1) -> None:
        """So many more may bring layers."""
        with self._lock:
            self._expected += count

    def end(self) -> None:
        """One of them will bring no more. The last one begins the large transfers."""
        with self._lock:
            self._expected -= 1
            wanted = [] if self._expected else sorted(self._largest.items())
        for _, layer in [offer for offer in wanted if offer[0] not in self._stopped]:
            self._visit.spawn(self._task, self._read_whole, layer)

    def read(self, image: Image, entries: List[Descriptor], token: Optional[str], url: Callable[[str], Url]) -> None:
        """Look at the layers of an image, side by side."""
        ordered = sorted(set(entries), key=lambda entry: (-(entry.size or 0), entry.digest))
        self.begin(len(ordered))
        for number, entry in enumerate(ordered):
            self._visit.spawn(self._task, self._look, Layer(image, entry, url(entry.digest), token, not number))

    def _look(self, layer: Layer) -> None:
        try:
            if layer.entry.size is None or layer.entry.size <= self._visit.limits["layer_small"]:
                self._get(layer, int(self._visit.limits["layer_small"]))
                return
            end = self._beginning(layer)
            if end.failure is None and end.answer.status == WHOLE:
                self._offer(end.url.host, layer)
            elif end.failure is None and end.answer.status == PART and end.answer.complete:
                self._offer(end.url.host, layer)
                if layer.largest:
                    self._rest(layer, layer.entry.size)
        finally:
            self.end()

    def _beginning(self, layer: Layer) -> End:
        """By a range; where the server does not want that, without."""
        glance = int(self._visit.limits["layer_glance"])
        most = int(self._visit.limits["layer_unranged"]) if layer.largest else glance
        end = self._get(layer, most, (0, glance - 1))
        status = end.answer.status
        if end.failure is None and status not in (PART, WHOLE, None) + STATUSES:
            end = self._get(layer, most)
        return end

    def _rest(self, layer: Layer, size: int) -> None:
        glance = int(self._visit.limits["layer_glance"])
        middle, last = max(glance, (size - glance) // 2), max(glance, size - glance)
        for first, end in ((middle, min(middle + glance, size) - 1), (max(last, middle + glance), size - 1)):
            if first <= end:
                part = self._get(layer, glance, (first, end))
                if part.failure is not None or not part.answer.complete:
                    return

    def _offer(self, host: str, layer: Layer) -> None:
        with self._lock:
            known = self._largest.get(host)
            if known is None or self._worth(layer) > self._worth(known):
                self._largest[host] = layer

    def _worth(self, layer: Layer) -> Tuple[bool, int, str, str]:
        """The largest that can be read whole; else the smallest of those that cannot."""
        size = layer.entry.size or 0
        fits = size <= self._visit.limits["layer_bytes"]
        return fits, size if fits else -size, layer.entry.digest, str(layer.image["name"])

    def _read_whole(self, layer: Layer) -> None:
        self._get(layer, int(self._visit.limits["layer_bytes"]))

    def _get(self, layer: Layer, most: int, span: Optional[Span] = None) -> End:
        wish = FetchSpec(
            "layer", layer.image["name"], most + 1, SHOWN, whole=False, digest=layer.entry.digest,
            size=layer.entry.size, token=layer.token, span=span, patient=True,
        )  # fmt: skip
        end = self._fetcher.fetch(layer.url, wish)
        if end.failure is not None and end.failure.phase == "body":
            self._stopped.add(end.url.host)
        return end
