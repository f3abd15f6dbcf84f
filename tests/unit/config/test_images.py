"""Images from whatever file: the right names in one's own registry, and every trap of the chart's values found."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from netcompliance.config.images import default, reference, sources
from netcompliance.config.images.sources import Gathered, gather
from netcompliance.config.validation import BadInput
from netcompliance.model import Image

OWN = ("registry.corp.example", "quay")
DIGEST = "sha256:" + "a" * 64
ALL_DEFAULT = {
    "stackstate/stackstate-k8s-agent:9516cb41",
    "stackstate/stackstate-k8s-process-agent:7d7d6c99",
    "stackstate/stackstate-k8s-cluster-agent:9516cb41",
    "stackstate/promtail:3.6.11-so13",
    "stackstate/kubernetes-rbac-agent:23f4b80a-1030-release",
}


@pytest.fixture
def from_text(tmp_path: Path):
    def read(text: str, declared: tuple[str, str] | None = None, *, direct: bool = False) -> Gathered:
        path = tmp_path / "file"
        path.write_text(dedent(text), encoding="utf-8")
        return gather(path, declared, direct=direct)

    return read


def names(images: tuple[Image, ...]) -> list[str]:
    return [str(image) for image in images]


def problems(gathered: Gathered) -> dict[str, str]:
    assert gathered.values
    return dict(gathered.values.problems)


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("quay.io/a/b:1", Image(registry="quay.io", repository="a/b", reference="1")),
        ("quay.io:443/b:1", Image(registry="quay.io", repository="b", reference="1")),
        (f"r:5000/b@{DIGEST}", Image(registry="r:5000", repository="b", reference=DIGEST, digest=DIGEST)),
        (f"quay.io/b:1@{DIGEST}", Image(registry="quay.io", repository="b", reference="1", digest=DIGEST)),
    ],
)
def test_references(text: str, expected: Image):
    assert reference.parse(text, "x") == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "busybox",
        "stackstate/agent:1",
        "quay.io/a",
        "quay.io/A:1",
        "quay.io/a:",
        "quay.io//a:1",
        "quay.io/a/../b:1",
        "quay.io/a:1@sha256:abc",
        "quay.io/a:" + "t" * 129,
        "https://quay.io/a:1",
        "quay.io/$(id):1",
        "-quay.io/a:1",
    ],
)
def test_what_is_no_reference(text: str):
    with pytest.raises(BadInput, match=r"^list:3"):
        reference.parse(text, "list:3")


# --- the dated list ---------------------------------------------------------------------------------------------------


def test_without_a_file_the_dated_list_counts():
    gathered = gather(None, None)
    assert set(names(gathered.images)) == {f"quay.io/{name}" for name in ALL_DEFAULT}
    assert gathered.source_images == gathered.images
    assert gathered.values is None
    assert "1.5.44" in gathered.origin
    assert default.load().date in gathered.origin


def test_in_ones_own_registry_the_same_images_are_looked_for_under_the_prefix():
    gathered = gather(None, OWN)
    assert set(names(gathered.images)) == {f"registry.corp.example/quay/{name}" for name in ALL_DEFAULT}
    assert set(names(gathered.source_images)) == {f"quay.io/{name}" for name in ALL_DEFAULT}
    for image, source in zip(gathered.images, gathered.source_images, strict=True):
        assert image.repository == f"quay/{source.repository}"


# --- plain lists ------------------------------------------------------------------------------------------------------


def test_a_plain_list(from_text):
    gathered = from_text(f"# ours\nquay.io/a/b:1  # first\n\nquay.io/c@{DIGEST}\nquay.io/a/b:1\n")
    assert names(gathered.images) == ["quay.io/a/b:1", f"quay.io/c@{DIGEST}"]
    assert gathered.values is None


def test_a_plain_list_of_one_line(from_text):
    assert names(from_text("quay.io/a/b:1").images) == ["quay.io/a/b:1"]


def test_names_of_ones_own_registry_lead_back_to_the_source(from_text):
    gathered = from_text("registry.corp.example/quay/stackstate/x:1\nquay.io/stackstate/y:2\n", OWN)
    assert names(gathered.images) == [f"registry.corp.example/quay/stackstate/{name}" for name in ("x:1", "y:2")]
    assert names(gathered.source_images) == ["quay.io/stackstate/x:1", "quay.io/stackstate/y:2"]


def test_the_registry_of_a_list_is_derived_not_assumed(from_text):
    gathered = from_text("registry.rancher.com/suse/x:1\n", direct=True)
    assert (gathered.registry, names(gathered.images)) == ("registry.rancher.com", ["registry.rancher.com/suse/x:1"])
    assert gathered.source_images == gathered.images


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("quay.io/a:1\nquay.io/$(reboot):1\n", ":2"),
        ("quay.io/a:1\ndocker.io/library/b:1\nghcr.io/c/d:1\n", "docker.io/library/b:1"),
        ("# nothing\n", "empty"),
    ],
)
def test_a_bad_list_is_refused_with_its_line(from_text, text: str, where: str):
    with pytest.raises(BadInput) as caught:
        from_text(text)
    assert where in str(caught.value)


# --- Helm values ------------------------------------------------------------------------------------------------------


def test_values_that_point_at_ones_own_registry_have_no_problem(from_text):
    gathered = from_text(
        """
        global:
          imageRegistry: registry.corp.example/quay
          proxy: {url: "http://proxy.corp.example:3128"}
        stackstate:
          apiKey: hunter2
          url: https://acme.app.stackstate.io/receiver/stsAgent
        """,
        OWN,
    )
    assert gathered.values
    assert gathered.values.problems == ()
    assert gathered.values.url == "https://acme.app.stackstate.io/receiver/stsAgent"
    assert gathered.proxy == "http://proxy.corp.example:3128"
    assert set(names(gathered.images)) == {f"registry.corp.example/quay/{name}" for name in ALL_DEFAULT}
    assert "hunter2" not in repr(gathered)


def test_the_registry_comes_from_the_values_if_none_is_declared(from_text):
    gathered = from_text("global: {imageRegistry: registry.corp.example/quay}\n")
    assert (gathered.registry, gathered.prefix) == OWN
    assert gathered.values
    assert gathered.values.problems == ()


def test_without_a_registry_in_the_values_images_come_from_quay(from_text):
    gathered = from_text("stackstate: {url: https://x.example}\n", OWN)
    assert set(problems(gathered)) == {
        "nodeAgent.containers.agent.image",
        "nodeAgent.containers.processAgent.image",
        "clusterAgent.image",
        "checksAgent.image",
        "logsAgent.image",
        "kubernetes-rbac-agent.containers.rbacAgent.image",
    }
    assert set(names(gathered.images)) == {f"registry.corp.example/quay/{name}" for name in ALL_DEFAULT}


def test_all_image_registry_alone_has_no_effect(from_text):
    found = problems(from_text("all: {image: {registry: registry.corp.example/quay}}\n", OWN))
    assert "has no effect" in found["all.image.registry"]
    assert "quay.io/stackstate/promtail" in found["logsAgent.image"]


@pytest.mark.parametrize("nothing", ["''", "null"])
def test_all_image_registry_counts_where_the_global_one_is_set_to_nothing(from_text, nothing: str):
    gathered = from_text(
        f"global: {{imageRegistry: {nothing}}}\nall: {{image: {{registry: registry.corp.example/quay}}}}\n", OWN
    )
    assert problems(gathered) == {}


def test_the_remote_kube_cache_ignores_every_override(from_text):
    text = """
        global: {imageRegistry: registry.corp.example/quay}
        processAgent: {podCorrelation: {enabled: true, remoteCache: %s}}
        """
    found = problems(from_text(text % "true", OWN))
    assert list(found) == ["processAgent.podCorrelation.remoteCache"]
    assert (
        "quay.io/stackstate/process-agent-remote-kube-cache:75fc7860"
        in found["processAgent.podCorrelation.remoteCache"]
    )
    assert problems(from_text(text % "false", OWN)) == {}


def test_it_is_pulled_where_quay_is_in_use(from_text):
    gathered = from_text("processAgent: {podCorrelation: {enabled: true, remoteCache: true}}\n")
    assert "quay.io/stackstate/process-agent-remote-kube-cache:75fc7860" in names(gathered.images)
    assert problems(gathered) == {}


def test_a_scheme_in_the_registry_is_a_trap(from_text):
    found = problems(from_text('global: {imageRegistry: "https://registry.corp.example/quay"}\n', OWN))
    assert "no scheme" in found["global.imageRegistry"]


def test_a_repository_with_its_host_in_it_is_a_trap(from_text):
    found = problems(
        from_text(
            """
            global: {imageRegistry: registry.corp.example}
            logsAgent: {image: {repository: registry.corp.example/stackstate/promtail}}
            """,
            ("registry.corp.example", ""),
        )
    )
    assert list(found) == ["logsAgent.image"]
    assert "registry.corp.example/registry.corp.example/stackstate/promtail" in found["logsAgent.image"]


def test_one_components_registry_counts_only_where_the_chart_reads_it(from_text):
    found = problems(
        from_text(
            """
            global: {imageRegistry: registry.corp.example/quay}
            clusterAgent: {image: {registry: registry.corp.example/quay}}
            nodeAgent: {containers: {processAgent: {image: {registry: other.corp.example}}}}
            """,
            OWN,
        )
    )
    assert set(found) == {"clusterAgent.image.registry", "nodeAgent.containers.processAgent.image"}
    assert "other.corp.example" in found["nodeAgent.containers.processAgent.image"]


def test_tags_repositories_and_switches_of_the_values_count(from_text):
    gathered = from_text(
        """
        logsAgent: {enabled: false}
        kubernetes-rbac-agent: {enabled: false}
        checksAgent: {image: {tag: 12345}}
        clusterAgent: {image: {repository: mine/cluster-agent, tag: "7"}}
        """
    )
    assert set(names(gathered.images)) == {
        "quay.io/stackstate/stackstate-k8s-agent:9516cb41",
        "quay.io/stackstate/stackstate-k8s-agent:12345",
        "quay.io/stackstate/stackstate-k8s-process-agent:7d7d6c99",
        "quay.io/mine/cluster-agent:7",
    }


def test_a_password_in_the_proxy_of_values_is_not_shown(from_text):
    gathered = from_text("stackstate: {url: 'https://u:hunter2@acme.example'}\n")
    assert gathered.values
    assert gathered.values.url == "https://***@acme.example"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("global: [1, 2\n", ":2"),
        ("global: {imageRegistry: '{{ .Values.x }}'}\n", "render the chart"),
        ("global: {imageRegistry: 5.5.5.5.5.5}\n", "not a host name"),
        ("global: {imageRegistry: [a]}\n", "expected a text"),
        ("global: text\n", "expected a mapping"),
        ("replicas: 3\n", "no key of the chart's values"),
        ("just words here\n", "neither Helm values"),
        ("- a\n- b\n", "neither Helm values"),
        ("a: &a [*a]\n", "no key of the chart's values"),
        ("\t{", ":2"),
    ],
)
def test_nonsense_is_refused(from_text, text: str, words: str):
    with pytest.raises(BadInput) as caught:
        from_text(text)
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


VALUES_WITH_LINES = """\
stackstate:
  url: https://acme.app.stackstate.io/receiver/stsAgent/
global:
  proxy:
    url: http://proxy.corp.example:3128
  imageRegistry: registry.corp.example
all:
  image:
    registry: registry.other.example
clusterAgent:
  image:
    repository: registry.corp.example/stackstate/cluster-agent
otel:
  enabled: true
  prometheusScraping: {enabled: false}
  telemetryGateway:
    enabled: true
"""


def test_every_setting_of_values_is_told_with_its_line(from_text):
    values = from_text(VALUES_WITH_LINES, ("registry.corp.example", "")).values
    lines = dict(values.lines)
    assert (lines["stackstate.url"], lines["global.proxy.url"]) == (2, 5)
    assert lines["all.image.registry"] == 9
    assert lines["clusterAgent.image"] == 11
    assert values.place("all.image.registry") == f"{values.file}:9"
    assert values.place("nowhere") == values.file


def test_images_that_are_not_set_are_told_with_the_line_of_their_registry(from_text):
    values = from_text(VALUES_WITH_LINES, ("registry.mine.example", "")).values
    assert dict(values.lines)["logsAgent.image"] == 6


def test_open_telemetry_pods_get_no_proxy(from_text):
    values = from_text(VALUES_WITH_LINES).values
    assert values.proxy == "http://proxy.corp.example:3128"
    assert dict(values.unproxied).keys() == {"otel.k8sResourceCollector", "otel.telemetryGateway"}
    assert dict(values.lines)["otel.telemetryGateway"] == 16


@pytest.mark.parametrize(
    ("old", "new"),
    [("enabled: true\n  prom", "enabled: false\n  prom"), ("url: http://proxy.corp.example:3128", "url: ''")],
)
def test_without_open_telemetry_or_without_a_proxy_nothing_is_left_out(from_text, old: str, new: str):
    assert from_text(VALUES_WITH_LINES.replace(old, new)).values.unproxied == ()


AGENTS_WITH_LINES = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-agent}
spec:
  template:
    spec:
      containers:
        - name: agent
          image: quay.io/stackstate/stackstate-k8s-agent:1
          env:
            - {name: STS_STS_URL, value: "https://acme.app.stackstate.io/receiver/stsAgent"}
            - {name: STS_PROXY_HTTPS, value: "http://proxy.corp.example:3128"}
        - name: forgotten
          image: quay.io/stackstate/stackstate-k8s-process-agent:1
          env: [{name: STS_STS_URL, value: "https://acme.app.stackstate.io/receiver/stsAgent"}]
        - {name: promtail, image: "quay.io/stackstate/promtail:1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: collector}
spec:
  template:
    spec:
      containers:
        - name: otel
          image: quay.io/stackstate/sts-opentelemetry-collector:1
"""


def test_containers_of_manifests_without_the_others_proxy_are_told_with_their_lines(from_text):
    values = from_text(AGENTS_WITH_LINES).values
    assert {where: dict(values.lines)[where] for where, _ in values.unproxied} == {
        "DaemonSet/node-agent: forgotten": 14,
        "Deployment/collector: otel": 26,
    }
    assert (dict(values.lines)["stackstate.url"], dict(values.lines)["global.proxy.url"]) == (11, 12)


FORGOTTEN = """\
          env: [{name: STS_STS_URL, value: "https://acme.app.stackstate.io/receiver/stsAgent"}]
"""
"""Of a container that connects to the service."""


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ('{name: STS_PROXY_HTTPS, value: "https://other.corp.example:3128"}', "https://other.corp.example:3128"),
        ('{name: HTTPS_PROXY, value: "http://user:pw@other.corp.example:3128"}', "http://***@other.corp.example:3128"),
        ("{name: STS_PROXY_HTTPS, valueFrom: {secretKeyRef: {name: proxy, key: url}}}", None),
        ('{name: STS_PROXY_HTTPS, value: "http://proxy.corp.example:3128"}', ""),
        ('{name: STS_PROXY_HTTPS, value: ""}', ""),
    ],
)
def test_each_proxy_of_manifests_is_told_with_its_line(from_text, variable: str, url: str | None):
    other = FORGOTTEN.replace("env: [", f"env:\n            - {variable}\n            - ").replace("}]", "}")
    values = from_text(AGENTS_WITH_LINES.replace(FORGOTTEN, other)).values
    assert values.proxy == "http://proxy.corp.example:3128"
    assert [each.url for each in values.more_proxies] == ([] if url == "" else [url])
    assert all(dict(values.lines).get(each.where) == (16 if url else None) for each in values.more_proxies)


def test_an_empty_proxy_before_the_others_is_none(from_text):
    text = AGENTS_WITH_LINES.replace("env:\n", 'env:\n            - {name: STS_PROXY_HTTPS, value: ""}\n', 1)
    assert from_text(text).values.proxy == "http://proxy.corp.example:3128"


def test_where_no_container_has_a_proxy_none_is_missing(from_text):
    without = AGENTS_WITH_LINES.replace(
        '            - {name: STS_PROXY_HTTPS, value: "http://proxy.corp.example:3128"}\n', ""
    )
    assert from_text(without).values.unproxied == ()


def test_an_image_of_manifests_from_elsewhere_is_told_with_its_line(from_text):
    values = from_text(AGENTS_WITH_LINES, ("registry.corp.example", "")).values
    assert dict(values.lines)["DaemonSet/node-agent: agent"] == 9


# --- manifests --------------------------------------------------------------------------------------------------------

MANIFESTS = """
    apiVersion: apps/v1
    kind: DaemonSet
    metadata: {name: node-agent}
    spec:
      template:
        spec:
          initContainers:
            - {name: init, image: registry.corp.example/quay/stackstate/init:1}
          containers:
            - name: agent
              image: registry.corp.example/quay/stackstate/agent:1
              env:
                - {name: STS_STS_URL, value: "https://acme.app.stackstate.io/receiver/stsAgent"}
                - {name: STS_PROXY_HTTPS, value: "http://proxy.corp.example:3128"}
            - {name: cache, image: "quay.io/stackstate/cache:1"}
    ---
    # an empty document
    ---
    apiVersion: v1
    kind: List
    items:
      - apiVersion: batch/v1
        kind: CronJob
        metadata: {name: nightly}
        spec: {jobTemplate: {spec: {containers: [{name: x, image: "registry.corp.example/quay/y:2"}]}}}
    """


def test_rendered_manifests(from_text):
    gathered = from_text(MANIFESTS, OWN)
    assert set(names(gathered.images)) == {
        "registry.corp.example/quay/stackstate/init:1",
        "registry.corp.example/quay/stackstate/agent:1",
        "registry.corp.example/quay/stackstate/cache:1",
        "registry.corp.example/quay/y:2",
    }
    assert problems(gathered) == {
        "DaemonSet/node-agent: cache": "pulled from quay.io/stackstate/cache:1; declared is registry.corp.example/quay"
    }
    assert gathered.values
    assert gathered.values.url == "https://acme.app.stackstate.io/receiver/stsAgent"
    assert gathered.proxy == "http://proxy.corp.example:3128"


def test_values_of_another_registry_are_a_problem_and_their_images_are_looked_for_in_the_declared_one(from_text):
    text = """
        global: {imageRegistry: other.corp.example/x}
        logsAgent: {image: {tag: "7"}}
        """
    gathered = from_text(text, OWN)
    assert "registry.corp.example/quay/stackstate/promtail:7" in names(gathered.images)
    assert "quay.io/stackstate/promtail:7" in names(gathered.source_images)
    assert "other.corp.example/x/stackstate/promtail:7" in problems(gathered)["logsAgent.image"]


def test_repositories_that_hold_the_prefix_themselves_are_no_problem(from_text):
    text = """
        global: {imageRegistry: registry.corp.example}
        logsAgent: {image: {repository: quay/stackstate/promtail, tag: "7"}}
        """
    gathered = from_text(text, OWN)
    assert "quay.io/stackstate/promtail:7" in names(gathered.source_images)
    assert "logsAgent.image" not in problems(gathered)


def test_manifests_of_another_registry_are_a_problem_and_the_dated_list_is_looked_for(from_text):
    text = MANIFESTS.replace("registry.corp.example", "other.corp.example").replace("quay.io", "other.corp.example")
    gathered = from_text(text, OWN)
    assert set(names(gathered.images)) == {f"registry.corp.example/quay/{name}" for name in ALL_DEFAULT}
    assert "since no image of" in gathered.origin
    assert len(problems(gathered)) == 4


def test_a_manifest_without_containers_is_refused(from_text):
    with pytest.raises(BadInput, match="no container"):
        from_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")


def test_a_manifest_whose_aliases_multiply_ends(from_text):
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12))
    text = (
        f"apiVersion: v1\nkind: Pod\nspec: {{containers: [{{name: a, image: quay.io/a:1}}]}}\nl0: &l0 [x]\n{levels}\n"
    )
    assert names(from_text(text).images) == ["quay.io/a:1"]


def test_more_images_than_anybody_pulls_are_refused(from_text):
    with pytest.raises(BadInput, match="at most"):
        from_text("".join(f"quay.io/a:{n}\n" for n in range(201)))


def test_the_parts_of_the_module_agree():
    known = default.load()
    assert {image.repository for image in known.images} == set(known.components.values())
    assert sources.gather(None, None).images == known.images
