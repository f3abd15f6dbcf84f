"""A ClientHello that is made for nobody becomes that for a host, byte for byte as if it had been made for it."""

from __future__ import annotations

import pytest

from netcompliance.probe.onhost.servername import for_host
from netcompliance.vantage.gohello import CLASSIC, client_hello, fetchers_hellos


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("quay.io", "quay.io"),
        ("prod-registry-k8s-io-eu-central-1.s3.dualstack.eu-central-1.amazonaws.com", None),
        ("a" * 63 + "." + "b" * 63, None),
        ("registry.corp.example.", "registry.corp.example"),
    ],
)
def test_a_hello_for_nobody_becomes_one_for_the_host(host: str, named: str | None) -> None:
    made = {name: for_host(hello, host) for name, hello in fetchers_hellos("seed").items()}
    assert made == {
        "agent-hello": client_hello(named or host, "seed", protocols=()),
        "classic-hello": client_hello(named or host, "seed", groups=CLASSIC, protocols=()),
        "named-hello": client_hello(named or host, "seed"),
    }
    assert all((named or host).encode() in hello and b"invalid" not in hello for hello in made.values())


@pytest.mark.parametrize("address", ["10.20.0.9", "2001:db8::9"])
def test_an_address_is_not_named(address: str) -> None:
    made = for_host(fetchers_hellos("seed")["agent-hello"], address)
    assert made == client_hello(address, "seed", protocols=())
    assert address.encode() not in made
    assert int.from_bytes(made[3:5], "big") == len(made) - 5
    assert int.from_bytes(made[6:9], "big") == len(made) - 9
