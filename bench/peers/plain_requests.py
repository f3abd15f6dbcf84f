"""The checks as one plain pytest file with dnspython and requests, written as their documentation shows.

`PEERS_NAMES` holds the names to check, separated by spaces, and `PEERS_PATH` the path to ask for.
"""

from __future__ import annotations

import os
import socket
import ssl

import dns.resolver
import pytest
import requests

TIMEOUT = 5
each_name = pytest.mark.parametrize("name", os.environ["PEERS_NAMES"].split())


@each_name
def test_dns(name: str) -> None:
    assert len(dns.resolver.resolve(name, "A")) > 0


@each_name
def test_tcp(name: str) -> None:
    with socket.create_connection((name, 443), timeout=TIMEOUT):
        pass


@each_name
def test_tls(name: str) -> None:
    context = ssl.create_default_context()
    with (
        socket.create_connection((name, 443), timeout=TIMEOUT) as connection,
        context.wrap_socket(connection, server_hostname=name) as secure,
    ):
        assert secure.version() in ("TLSv1.2", "TLSv1.3")


@each_name
def test_http(name: str) -> None:
    response = requests.get(f"https://{name}{os.environ['PEERS_PATH']}", timeout=TIMEOUT)
    assert response.status_code in (401, 403), f"status code {response.status_code}"
    assert response.headers["Content-Type"].startswith("application/json"), "content-type"
