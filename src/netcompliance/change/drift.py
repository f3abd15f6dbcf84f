"""What changed underneath, also where no verdict did (pure).

Rules
* Drift is told where both runs know the fact. What one of them could not see is a matter of its verdicts.
* A new certificate with the same key is a renewal. Where the key is another one, that is told, and not the certificate.
* A path is slower if the median of its exchanges grew by more than all of: `FLOOR` seconds, half of what it was, and
  `SPREADS` times the spread of the noisier run (median absolute deviation, scaled to a standard deviation); with
  `LEAST` answered exchanges or more in both runs. Outliers, such as one repeated SYN, move neither median nor spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from netcompliance.change.facts import Facts, Key, Path
from netcompliance.model import DriftKind

FLOOR = 0.05
SPREADS = 3.0
LEAST = 3
_TO_DEVIATION = 1.4826


SAYS = {
    DriftKind.ADDRESSES: "addresses of the tenant",
    DriftKind.ALIAS: "canonical name",
    DriftKind.RESOLVERS: "resolvers",
    DriftKind.WAY: "way to the host",
    DriftKind.ISSUER: "issuer of the certificate",
    DriftKind.KEY: "key of the certificate",
    DriftKind.CERTIFICATE: "certificate, renewed with the same key",
    DriftKind.TLS_VERSION: "TLS version",
    DriftKind.REDIRECTS: "redirect hosts of images",
    DriftKind.DIGEST: "digest of the image",
    DriftKind.VANTAGE: "who looked",
    DriftKind.SLOWER: "slower",
    DriftKind.CAUSE: "still unmet, for another reason",
}
"""What each is called where people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One thing that is not what it was."""

    kind: DriftKind
    vantage: str
    subject: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def gone(self) -> tuple[str, ...]:
        """What only the earlier run saw."""
        return tuple(each for each in self.before if each not in self.after)

    @property
    def new(self) -> tuple[str, ...]:
        """What only the later run saw."""
        return tuple(each for each in self.after if each not in self.before)


def between(before: Facts, after: Facts) -> Iterator[Drift]:
    """Every fact that both know and that differs, then every path that is slower; each in a fixed order."""
    for key in sorted(before.known.keys() & after.known.keys(), key=_order):
        kind, vantage, subject = key
        was, now = before.known[key], after.known[key]
        if was == now or (kind is DriftKind.CERTIFICATE and _another_key(key, before, after)):
            continue
        yield Drift(kind=kind, vantage=vantage, subject=subject, before=tuple(sorted(was)), after=tuple(sorted(now)))
    for path in sorted(before.seconds.keys() & after.seconds.keys()):
        yield from _slower(path, before.seconds[path], after.seconds[path])


def noise(before: Sequence[float], after: Sequence[float]) -> float:
    """By how many seconds the median may grow before a path counts as slower."""
    return max(FLOOR, median(before) / 2, SPREADS * max(_spread(before), _spread(after)))


def folded(drifts: Iterable[Drift]) -> dict[tuple[DriftKind, str, tuple[str, ...], tuple[str, ...]], list[str]]:
    """The same change with the vantages that saw it: (kind, subject, gone, new) → vantages."""
    groups: dict[tuple[DriftKind, str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for each in drifts:
        told = (each.before, each.after) if each.kind in (DriftKind.SLOWER, DriftKind.CAUSE) else (each.gone, each.new)
        groups.setdefault((each.kind, each.subject, *told), []).append(each.vantage)
    return groups


def _slower(path: Path, before: Sequence[float], after: Sequence[float]) -> Iterator[Drift]:
    if min(len(before), len(after)) < LEAST or median(after) - median(before) <= noise(before, after):
        return
    vantage, layer, host = path
    yield Drift(
        kind=DriftKind.SLOWER,
        vantage=vantage,
        subject=f"{layer} {host}",
        before=(_median_text(before),),
        after=(_median_text(after),),
    )


def _median_text(times: Sequence[float]) -> str:
    return f"{median(times) * 1000:.0f} ms (median of {len(times)})"


def _spread(times: Sequence[float]) -> float:
    middle = median(times)
    return _TO_DEVIATION * median([abs(each - middle) for each in times])


def _another_key(key: Key, before: Facts, after: Facts) -> bool:
    same = (DriftKind.KEY, *key[1:])
    return before.known.get(same) != after.known.get(same)


def _order(key: Key) -> tuple[int, str, str]:
    kind, vantage, subject = key
    return list(DriftKind).index(kind), subject, vantage
