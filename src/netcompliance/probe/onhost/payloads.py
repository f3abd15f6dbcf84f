"""What the agent sends, sent to one address: the plan's requests, then closer looks, then growing uploads.

Rules
* Where an agent's request gets another kind of answer than the plain request to the receiver, it is made again with one
  property after the other made neutral, and with all of them. That is a second round, which right networks do not see.
* Requests that are answered alike are represented by the first of each caller; there are at most `variants` of them.
* Uploads begin when the smallest payload has been answered.
"""

import json
import threading
from typing import Any, Dict, Iterator, List, Optional, Tuple

from netcompliance.probe.onhost.asking import Asker, Round
from netcompliance.probe.onhost.connections import Connections
from netcompliance.probe.onhost.http1 import Answer
from netcompliance.probe.onhost.requests import KEY_HEADER
from netcompliance.probe.onhost.streams import Stream
from netcompliance.probe.onhost.transports import Transport
from netcompliance.probe.onhost.uploads import Uploads

PATIENCE = 2.0
"""Seconds for an answer to a request of the second round."""
KEY_HEADERS = (KEY_HEADER, "Authorization")
NEUTRAL_TYPE = "application/json"

Request = Dict[str, Any]
Kind = Tuple[Any, ...]


def kind_of(answer: Answer) -> Kind:
    """Status, type and, for a JSON object, its names: what two refusals of the same service have in common."""
    names: Any = None
    try:
        document = json.loads(answer.body.decode("utf-8"))
        names = tuple(sorted(document)) if isinstance(document, dict) else None
    except (ValueError, RecursionError):
        names = None
    return answer.status, (answer.header("content-type") or "").partition(";")[0].strip().lower(), names


def variants(request: Request, agent: str) -> Iterator[Request]:
    """The request with one property made neutral, each in turn, and with all of them. `agent`: a neutral client."""
    plain = dict(request, headers=dict(request["headers"]))
    for name in ("user-agent", "query", "key", "type", "encoding"):
        one = dict(request, headers=dict(request["headers"]))
        if _make_neutral(one, name, agent):
            _make_neutral(plain, name, agent)
            yield dict(one, purpose="variant", without=name, patience=PATIENCE)
    yield dict(plain, purpose="variant", without="plain", patience=PATIENCE)


def _make_neutral(request: Request, name: str, agent: str) -> bool:
    """Change the request; False if it has no such property."""
    headers = request["headers"]
    if name == "user-agent":
        headers["User-Agent"] = agent
        return True
    if name == "query":
        return bool(request.pop("query", None))
    if name == "key":
        return bool([headers.pop(key) for key in KEY_HEADERS if key in headers])
    if name == "type":
        if headers.get("Content-Type", NEUTRAL_TYPE) == NEUTRAL_TYPE:
            return False
        headers["Content-Type"] = NEUTRAL_TYPE
        return True
    if not headers.pop("Content-Encoding", None):
        return False
    request["content"] = request["plain"]
    return True


class Payloads:
    """The requests and uploads of the plan at one address, or on the way through the proxy."""

    def __init__(self, asker: Asker, way: Transport, requests: List[Request], upload: Optional[Request]) -> None:
        self._asker = asker
        self._way = way
        self._requests = requests
        self._upload = upload
        self._lock = threading.Lock()
        self._answers: List[Tuple[Request, Answer]] = []
        self._begun = upload is None
        self._small: Optional[Answer] = None
        self._round = Round(asker, way, requests, self._noted)

    def send(self, stream: Stream, took: float) -> None:
        """Everything, beginning on this stream, whose opening took so long."""
        kept = self._round.ask(stream, took)
        if self._round.hurried:
            if kept is not None:
                kept.close()
        elif self._begin():
            self._uploads(kept)
        elif kept is not None:
            kept.close()

    def _noted(self, request: Request, answer: Answer) -> None:
        with self._lock:
            self._answers.append((request, answer))
            last = len(self._answers) == len(self._requests)
            if self._is_small(request):
                self._small = answer
        if last:
            self._look_closer()
        if self._round.hurried and self._small is not None and self._begin():
            self._asker.visit.spawn(self._asker.task, self._uploads, None)

    def _is_small(self, request: Request) -> bool:
        return self._upload is not None and (request["method"], request["path"]) == ("POST", self._upload["path"])

    def _begin(self) -> bool:
        """Whether uploads are to begin now."""
        with self._lock:
            begun, self._begun = self._begun, True
            return not begun and (self._small is None or self._small.status is not None)

    def _uploads(self, stream: Optional[Stream]) -> None:
        assert self._upload is not None
        Uploads(self._asker, self._way, self._upload, self._small).send(stream)

    def _look_closer(self) -> None:
        """The second round, if there is anything to find out."""
        first: Dict[str, Kind] = {}
        for request, answer in self._answers:
            if request["purpose"] in ("receiver", "sibling") and answer.status is not None:
                first.setdefault(request["purpose"], kind_of(answer))
        receiver = first.get("receiver")
        if receiver is None or receiver == first.get("sibling"):
            return
        odd: Dict[Any, Request] = {}
        for request, answer in self._answers:
            if request.get("caller") and request["purpose"] in ("agent", "path"):
                kind = kind_of(answer)
                if kind != receiver:
                    odd.setdefault((request["caller"], request["method"], kind), request)
        agent = self._asker.visit.plan["agent"]
        closer = [variant for request in odd.values() for variant in variants(request, agent)]
        limits = self._asker.visit.limits
        closer = closer[: limits["variants"]]
        if closer:
            connections = Connections(limits["parallel"], limits["hedge"], len(closer))
            self._asker.side_by_side(self._way, connections, closer, lambda *_: None)
