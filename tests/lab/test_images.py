"""The lab's images and charts are real ones."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import yaml

from lab import images
from lab.world import Chart, Image

IMAGE = Image(repository="stackstate/thing", tag="1")


def files_in(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def test_the_index_leads_to_bytes_with_the_promised_digests() -> None:
    built = images.build(IMAGE)
    entries = json.loads(built.index)["manifests"]
    assert {f"{e['platform']['os']}/{e['platform']['architecture']}" for e in entries} == set(images.PLATFORMS)
    for entry in entries:
        manifest = built.manifests[f"{entry['platform']['os']}/{entry['platform']['architecture']}"]
        assert images.digest_of(manifest) == entry["digest"]
        assert len(manifest) == entry["size"]
        parts = json.loads(manifest)
        for part in (parts["config"], *parts["layers"]):
            blob = built.blobs[part["digest"]]
            assert images.digest_of(blob) == part["digest"]
            assert len(blob) == part["size"]


def test_layers_are_archives_that_match_the_configs_diff_ids() -> None:
    built = images.build(IMAGE)
    manifest = json.loads(built.manifests["linux/amd64"])
    config = json.loads(built.blobs[manifest["config"]["digest"]])
    tars = [gzip.decompress(built.blobs[layer["digest"]]) for layer in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == [images.digest_of(tar) for tar in tars]
    assert all(files_in(tar) for tar in tars)


def test_one_layer_is_large_enough_to_need_many_packets() -> None:
    manifest = json.loads(images.build(IMAGE).manifests["linux/arm64"])
    assert max(layer["size"] for layer in manifest["layers"]) > 150_000


def test_builds_repeat_and_editions_differ() -> None:
    assert images.build.__wrapped__(IMAGE) == images.build(IMAGE)
    assert images.build(IMAGE).index != images.build(IMAGE, "-rebuilt").index


def test_the_chart_index_names_an_archive_with_its_digest() -> None:
    chart = Chart(name="some-chart", version="1.2.3")
    (entry,) = yaml.safe_load(images.chart_index((chart,)))["entries"]["some-chart"]
    archive = images.chart_archive(chart)
    assert entry["urls"] == ["some-chart-1.2.3.tgz"]
    assert f"sha256:{entry['digest']}" == images.digest_of(archive)
    described = files_in(gzip.decompress(archive))["some-chart/Chart.yaml"]
    assert yaml.safe_load(described)["version"] == "1.2.3"
