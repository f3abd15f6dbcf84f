"""REG-05 … REG-07: the CDN, one's own registry against its source, and the chart's values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netcompliance.model import ChartValues, Image, Result
from tests.unit.judge.records import CDN, IMAGE, MANIFEST, Record, b64, error, sha
from tests.unit.judge.rows import Row, each, row
from tests.unit.judge.world import (
    altered,
    changed,
    healthy,
    own_registry,
    proxied,
    settings,
    verdict_of,
    verdicts,
    without,
)

OWN, SETTINGS = own_registry()
OURS = str(SETTINGS.images[0])
AT_HOME = {"kind": "registry", "image": OURS, "step": "manifest"}
AT_SOURCE = {"kind": "registry", "task": "source", "step": "manifest"}
ONE = {"kind": "tcp", "host": CDN[0]}
ITS_TLS = {"kind": "tls", "host": CDN[0]}

HOSTS = {
    "one is dropped": row(changed(ONE, error=error("TIMEOUT")), {"REG-05": "tcp.filtered"}),
    "one is refused": row(changed(ONE, error=error("ECONNREFUSED")), {"REG-05": "tcp.refused"}),
    "one has no address": row(
        changed({"kind": "resolve", "host": CDN[0]}, addresses=[], error=error("GAI", code=-2)),
        {"REG-05": "dns.nxdomain"},
    ),
    "one has another's certificate": row(
        altered(
            changed(ITS_TLS, verified=False, error=error("VERIFY", "tls", code=62)),
            {"kind": "chain", "host": CDN[0]},
            covers=False,
        ),
        {"REG-05": "tls.wrong-name"},
    ),
    "one was not tried": row(without(healthy(), **ONE), unchecked="REG-05"),
    "none was tried": row(
        without(healthy(), kind="tcp", task="cdn"), because={"REG-05": "no connection came to an end"}
    ),
    "one did not finish TLS": row(without(healthy(), **ITS_TLS), unchecked="REG-05"),
    "one was neither verified nor refused": row(changed(ITS_TLS, verified=False), unchecked="REG-05"),
    "one is denied by the proxy": row(
        altered(proxied(), {"kind": "proxy", "host": CDN[0]}, status=403, error=error("STATUS", "proxy")),
        {"REG-05": "proxy.denied"},
    ),
    "images come from elsewhere": row(OWN, inapplicable="REG-05", settings=SETTINGS),
}


def pinned(digest: str) -> Any:
    source = replace(IMAGE, digest=digest)
    return replace(SETTINGS, source_images=(source,))


def copy_of(data: bytes) -> list[Record]:
    return altered(OWN, AT_HOME, sha256=sha(data), body=b64(data))


def for_one_platform(index: bytes, ours: bytes = b"child") -> list[Record]:
    """One's own registry holds what is one platform's manifest in the source's index."""
    records = altered(copy_of(ours), AT_SOURCE, body=b64(index), sha256=sha(index))
    return altered(
        records,
        {"kind": "registry", "image": OURS, "step": "platform"},
        platforms=["linux/amd64"],
        wanted="linux/amd64",
    )


INDEX = f'{{"manifests":[{{"digest":"sha256:{sha(b"child")}"}}]}}'.encode()
DIFFERS = {"REG-06": "registry.digest-differs"}

COPIES = {
    "the same": row(OWN, settings=SETTINGS),
    "the same as the pinned one, and the source is out of sight": row(
        without(OWN, task="source"), settings=pinned(f"sha256:{sha(MANIFEST)}")
    ),
    "another": row(copy_of(b"other"), DIFFERS, settings=SETTINGS),
    "another than the pinned one": row(OWN, DIFFERS, settings=pinned("sha256:00")),
    "one platform of several": row(for_one_platform(INDEX), {"REG-06": "registry.platform-missing"}, settings=SETTINGS),
    "one platform of several, made anew": row(for_one_platform(INDEX, b"anew"), DIFFERS, settings=SETTINGS),
    "another with all platforms": row(
        altered(for_one_platform(INDEX), {"step": "platform", "image": OURS}, platforms=["linux/amd64", "linux/arm64"]),
        DIFFERS,
        settings=SETTINGS,
    ),
    "the source was not asked": row(
        without(OWN, task="source"),
        because={
            "REG-06": "the source quay.io could not be asked from here: "
            "pin digests in the image list, or compare where it can be"
        },
        settings=SETTINGS,
    ),
    "the source is throttled": row(altered(OWN, AT_SOURCE, status=429), unchecked="REG-06", settings=SETTINGS),
    "the source was not read whole": row(
        altered(OWN, AT_SOURCE, complete=False), unchecked="REG-06", settings=SETTINGS
    ),
    "the source cannot be seen, says the profile": row(
        without(OWN, task="source"),
        because={"REG-06": "the profile says that the source cannot be seen from here"},
        settings=replace(SETTINGS, source_visible=False),
    ),
    "the source cannot be seen, but was": row(
        copy_of(b"other"), DIFFERS, settings=replace(SETTINGS, source_visible=False)
    ),
    "one's own was not read whole": row(altered(OWN, AT_HOME, complete=False), unchecked="REG-06", settings=SETTINGS),
    "one's own digest is not known": row(
        altered(OWN, AT_HOME, sha256=None),
        because={"REG-06": "one's own manifest was not read whole"},
        settings=SETTINGS,
    ),
    "the source of the image is not known": row(
        OWN, because={"REG-06": "the image's source is unknown"}, settings=replace(SETTINGS, source_images=())
    ),
    "direct": row(healthy(), inapplicable="REG-06"),
}

VALUES = {
    "right": row(healthy(), settings=settings(values=ChartValues(file="v.yaml"))),
    "wrong": row(
        healthy(),
        {"REG-07": "registry.wrong-values"},
        settings=settings(values=ChartValues(file="v.yaml", problems=(("all.image.registry", "has no effect"),))),
    ),
    "none": row(healthy(), inapplicable="REG-07"),
}


@each(HOSTS, COPIES, VALUES)
def test_mirror(case: Row) -> None:
    case.check()


@pytest.mark.parametrize(
    ("records", "saw"),
    [
        (OWN, f"both hold sha256:{sha(MANIFEST)[:12]}…"),
        (copy_of(b"other"), f"{OURS} is sha256:{sha(b'other')[:12]}… and its source sha256:{sha(MANIFEST)[:12]}…"),
        (
            for_one_platform(INDEX),
            f"{OURS} is the source's image for one platform only; linux/arm64 is missing",
        ),
    ],
)
def test_the_copy_is_told(records: list[Record], saw: str) -> None:
    verdict = verdict_of("REG-06", records, SETTINGS)
    assert verdict.saw == saw
    assert verdict.reproduce == f"skopeo inspect --raw docker://{OURS} | sha256sum"


def test_the_missing_platform_is_named() -> None:
    assert verdict_of("REG-06", for_one_platform(INDEX), SETTINGS).findings[0].values["platform"] == "linux/arm64"


def test_each_image_is_compared_with_its_own_source() -> None:
    second = Image(registry="registry.corp.example", repository="mirror/second", reference="1")
    both = replace(SETTINGS, images=(*SETTINGS.images, second), source_images=(IMAGE, replace(IMAGE, repository="x")))
    results = {v.case.target: v.result for v in verdicts(OWN, both) if v.case.requirement == "REG-06"}
    assert results == {OURS: Result.PASS, str(second): Result.NOTCHECKED}


def test_the_host_and_the_values_in_words() -> None:
    host = next(v for v in verdicts(healthy()) if v.case.target == CDN[0] and v.case.requirement == "REG-05")
    assert host.saw == f"{CDN[0]} verified"
    assert host.reproduce.startswith(f"openssl s_client -connect {CDN[0]}:443 -servername {CDN[0]} ")
    right = verdict_of("REG-07", healthy(), VALUES["right"].settings)
    assert right.saw == "v.yaml points at quay.io"
    (wrong,) = verdict_of("REG-07", healthy(), VALUES["wrong"].settings).findings
    assert wrong.subject == "all.image.registry"
    assert wrong.detail == "v.yaml, all.image.registry: has no effect"
    assert wrong.values["remedy"] == "correct all.image.registry: has no effect"
