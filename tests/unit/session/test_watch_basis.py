"""What a watch is told of the visit before it."""

from __future__ import annotations

from netcompliance.session.watch_basis import PLACES, WatchBasis


def test_a_watch_knows_who_serves_layers() -> None:
    basis = WatchBasis()
    layer = {"kind": "registry", "task": "registry", "step": "layer", "port": 443}
    basis.add({**layer, "url": "https://cdn02.quay.io/a", "host": "cdn02.quay.io"}, "acme.app.stackstate.io")
    basis.add({**layer, "url": "http://cache.corp/a", "host": "cache.corp", "port": 80}, "acme.app.stackstate.io")
    basis.add({**layer, "url": "https://else/a", "host": "else", "task": "source"}, "acme.app.stackstate.io")
    basis.add({**layer, "url": "https://quay.io/v2/", "host": "quay.io", "step": "ping"}, "acme.app.stackstate.io")
    assert basis.layers == {("cdn02.quay.io", 443)}


def test_what_is_kept_for_a_watch_has_an_end() -> None:
    basis, host = WatchBasis(), "acme.app.stackstate.io"
    layer = {"kind": "registry", "task": "registry", "step": "layer", "port": 443, "url": "https://x/a"}
    for number in range(2 * PLACES):
        basis.add({**layer, "host": f"cdn-{number}"}, host)
        basis.add({"kind": "tcp", "task": "tenant", "host": host, "address": f"2001:db8::{number:x}"}, host)
    assert (len(basis.layers), len(basis.addresses)) == (PLACES, PLACES)


def test_a_watch_takes_no_null_for_a_place() -> None:
    basis = WatchBasis()
    layer = {"kind": "registry", "task": "registry", "step": "layer", "url": "https://x/a", "host": "x", "port": 443}
    for field in layer:
        basis.add({**layer, field: None}, "acme.app.stackstate.io")
    basis.add(
        {"kind": "tcp", "task": "tenant", "host": "acme.app.stackstate.io", "address": None}, "acme.app.stackstate.io"
    )
    basis.add({"kind": "tcp", "task": "tenant", "host": None, "address": "192.0.2.1"}, "acme.app.stackstate.io")
    assert (basis.layers, basis.addresses, basis.identity) == (set(), set(), [])
