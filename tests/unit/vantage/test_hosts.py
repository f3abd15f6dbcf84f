"""Which hosts are named, under which names, and with which command line a visit gets there."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from netcompliance.config.options import Options
from netcompliance.config.validation import BadInput
from netcompliance.model import HostOptions
from netcompliance.vantage import hosts
from netcompliance.vantage.hosts import Host

LOOK = "/bin/sh -c 'look \"$1\"' sh 'with \"quotes\"'"
SHELL = ("--", "/bin/sh", "-c", LOOK)


def read(spec: str | None = None, **more: object) -> tuple[Host, ...]:
    return hosts.read(HostOptions(hosts=spec, **more), LOOK)  # type: ignore[arg-type]


def one(spec: str, **more: object) -> Host:
    (host,) = read(spec, **more)
    return host


def options(carrier: tuple[str, ...]) -> list[str]:
    """What stands behind each -o of ssh."""
    return [after for word, after in pairwise(carrier) if word == "-o"]


@pytest.mark.parametrize("spec", [None, "local", "local://", "localhost"])
def test_without_a_name_and_by_these_names_it_is_this_machine(spec: str | None) -> None:
    assert read(spec) == (Host(vantage="local"),)


def test_what_may_hold_a_password_shows_none() -> None:
    asked = HostOptions(hosts="ssh://op:s3cret@node-2", ssh_extra_args="-o ProxyCommand=s3cret")
    (host,) = read("ssh://op:s3cret@node-2")
    assert host.environment == {"SSHPASS": "s3cret"}
    for each in (host, asked, Options(tenants=("acme",), hosts=asked, proxy="http://u:s3cret@proxy")):
        assert "s3cret" not in repr(each)


def test_a_host_is_named_as_it_was_typed_but_for_its_password() -> None:
    spec = "ssh://op:s3cret@node-2:2222,ssh://node-1,kubectl://agent-0?namespace=mon&container=agent&kubeconfig=/k"
    assert [host.vantage for host in read(spec)] == [
        "kubectl://agent-0?namespace=mon&container=agent&kubeconfig=/k",
        "ssh://node-1",
        "ssh://op@node-2:2222",
    ]


def test_a_host_behind_a_port_may_have_a_login_where_its_scheme_is_written() -> None:
    assert [host.vantage for host in read("ssh://node-1:22,ssh://node-3,ssh://admin@node-2")] == [
        "ssh://admin@node-2",
        "ssh://node-1:22",
        "ssh://node-3",
    ]


def test_ssh_asks_nothing_and_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("ssh config", "key"):
        (tmp_path / name).touch()
    host = one("ssh://op@node-1:2222", ssh_config="~/ssh config", ssh_identity_file="~/key", ssh_extra_args="-o A=1 -4")
    assert host.carrier[0] == "ssh"
    assert host.carrier[-2:] == ("node-1", LOOK)
    told = options(host.carrier)
    assert {"BatchMode=yes", "User=op", "Port=2222", "ConnectTimeout=10", "ServerAliveInterval=5"} <= set(told)
    assert not [option for option in told if option.startswith("Control")]
    assert told.index("A=1") < told.index("BatchMode=yes")
    assert "-4" in host.carrier
    assert host.carrier[host.carrier.index("-F") + 1] == str(tmp_path / "ssh config")
    assert host.carrier[host.carrier.index("-i") + 1] == str(tmp_path / "key")


def test_options_of_the_user_come_first_so_ssh_obeys_them() -> None:
    told = options(one("ssh://n", ssh_extra_args="-o ServerAliveInterval=60 -o ConnectTimeout=3").carrier)
    assert told.index("ServerAliveInterval=60") < told.index("ServerAliveInterval=5")
    assert [option for option in told if option.startswith("ConnectTimeout")] == ["ConnectTimeout=3"]


def test_a_password_is_in_the_environment_and_in_no_argument() -> None:
    host = one("ssh://op:s3cret@node-1")
    assert host.carrier[:3] == ("sshpass", "-e", "ssh")
    assert "s3cret" not in " ".join(host.carrier)
    assert host.environment == {"SSHPASS": "s3cret"}
    assert "BatchMode=no" in options(host.carrier)


@pytest.mark.parametrize(
    ("spec", "carrier"),
    [
        ("docker://box", ("docker", "exec", "-i", "box", "/bin/sh", "-c", LOOK)),
        ("docker://op@box", ("docker", "exec", "-i", "-u", "op", "box", "/bin/sh", "-c", LOOK)),
        ("podman://box", ("podman", "exec", "-i", "box", "/bin/sh", "-c", LOOK)),
        ("lxc://box", ("lxc", "exec", "box", "--mode=non-interactive", "--", "/bin/sh", "-c", LOOK)),
        ("chroot:///srv/root", ("chroot", "/srv/root", "/bin/sh", "-c", LOOK)),
        ("kubectl://p", ("kubectl", "exec", "-i", "p", "--", "/bin/sh", "-c", LOOK)),
        ("kubectl://deployment/agent", ("kubectl", "exec", "-i", "deployment/agent", "--", "/bin/sh", "-c", LOOK)),
        (
            "kubectl://p?namespace=n&container=c&context=x&kubeconfig=/a b",
            (
                *[
                    "kubectl",
                    "--kubeconfig=/a b",
                    "--context=x",
                    "-n",
                    "n",
                    "-c",
                    "c",
                    "exec",
                    "-i",
                    "p",
                    "--",
                    "/bin/sh",
                    "-c",
                ],
                LOOK,
            ),
        ),
        ("openshift://p?namespace=n", ("oc", "-n", "n", "exec", "-i", "p", "--", "/bin/sh", "-c", LOOK)),
    ],
)
def test_every_backend_carries_the_command_and_its_standard_input(spec: str, carrier: tuple[str, ...]) -> None:
    assert one(spec).carrier == carrier


def test_sudo_asks_for_no_password() -> None:
    host = one("ssh://node-1?sudo=true&sudo_user=agent")
    assert host.carrier[-1].startswith("sudo -n -u agent /bin/sh -c ")
    here = one("local", sudo=True)
    assert here.carrier[:2] == ("/bin/sh", "-c")
    assert here.carrier[2].startswith("sudo -n /bin/sh -c ")
    assert not here.is_here


INVENTORY = """
[agents]
web ansible_host=10.0.0.1 ansible_user=op ansible_port=2222
[agents:vars]
ansible_ssh_common_args='-o X=1'
[agents]
web ansible_private_key_file=/key
db ansible_host=10.0.0.2 ansible_become=true ansible_become_user=agent
[controllers]
here ansible_connection=local
box ansible_connection=containers.podman.podman ansible_host=agent-1 ansible_user=op
[others]
windows ansible_connection=winrm
"""


@pytest.fixture
def inventory(tmp_path: Path) -> str:
    path = tmp_path / "inventory.ini"
    path.write_text(INVENTORY)
    return str(path)


def test_an_inventory_is_resolved_to_its_hosts_and_their_settings(inventory: str) -> None:
    db, web = read("ansible://agents", ansible_inventory=inventory, ssh_extra_args="-o Y=2")
    assert (web.vantage, db.vantage) == ("ansible://web", "ansible://db")
    told = options(web.carrier)
    assert {"User=op", "Port=2222", "X=1", "Y=2", "BatchMode=yes"} <= set(told)
    assert web.carrier[web.carrier.index("-i") + 1] == "/key"
    assert web.carrier[-2:] == ("10.0.0.1", LOOK)
    assert db.carrier[-1].startswith("sudo -n -u agent /bin/sh -c ")
    assert one("ansible://here", ansible_inventory=inventory).carrier == ("/bin/sh", "-c", LOOK)
    box = one("ansible://box", ansible_inventory=inventory)
    assert box.carrier == ("podman", "exec", "-i", "-u", "op", "agent-1", "/bin/sh", "-c", LOOK)
    assert (box.vantage, box.backend) == ("ansible://box", "podman")


def test_an_inventorys_program_is_given_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STS_API_KEY", "KEY_ACME"):
        monkeypatch.setenv(name, "secret-key-0123")
    program = tmp_path / "inventory"
    program.write_text(f'#!/bin/sh\nenv > {tmp_path}/seen\necho \'{{"all": {{"hosts": ["web"]}}}}\'\n')
    program.chmod(0o755)
    keys = frozenset({"KEY_ACME"})
    (host,) = hosts.read(HostOptions(hosts="ansible://all", ansible_inventory=str(program)), LOOK, keys)
    assert (host.vantage, host.keys) == ("ansible://web", keys)
    assert "PATH=" in (tmp_path / "seen").read_text()
    assert "secret-key-0123" not in (tmp_path / "seen").read_text()
    assert (os.environ["STS_API_KEY"], os.environ["KEY_ACME"]) == ("secret-key-0123", "secret-key-0123")


def test_ansible_is_found_beside_the_interpreter_and_the_users_own_comes_first(
    inventory: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert one("ansible://web", ansible_inventory=inventory).vantage == "ansible://web"
    assert os.environ["PATH"] == "/usr/bin:/bin"
    other = tmp_path / "other.ini"
    other.touch()
    own = tmp_path / "ansible-inventory"
    own.write_text('#!/bin/sh\necho \'{"_meta": {}, "all": {"hosts": ["mine"]}}\'\n')
    own.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert one("ansible://all", ansible_inventory=str(other)).vantage == "ansible://mine"


def test_an_inventory_without_ansible_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts.shutil, "which", lambda name: None)
    with pytest.raises(BadInput, match="pip install ansible-core"):
        read("ansible://all")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (
            "node-1",
            "'paramiko' is not supported here, only ssh, local, docker, podman, kubectl, openshift, lxc, chroot",
        ),
        ("node-1", "; write ssh://node-1"),
        ("salt://node-1", "'salt' is not supported"),
        ("paramiko://op:s3cret@node-1", "paramiko://op@node-1"),
        ("ssh://op:s3cret#x@node-1", "ssh://***@node-1: # in a user name or password has to be written as %23"),
        ("ssh://op:x/s3cret@node-1", "/ in a user name or password has to be written as %2F"),
        ("kubectl://op:x/s3cret@pod", "/ in a user name or password has to be written as %2F"),
        ("ssh://op:x?s3cret@node-1", "? in a user name or password has to be written as %3F"),
        ("ssh://op:s3cret%40node-1", "ssh://op@node-1: not a name like"),
        ("ssh://op%3As3cret@node-1", "ssh://***@node-1: @ and : are written as they are in a name"),
        ("ssh://op:s3cret\uff20node-1", "ssh://op@node-1: not a name like"),
        ("ssh://op:[s3cret@node-1", "not a name like ssh://user@host:22"),
        ("ssh://op:22,s3cret@node-1", "a comma in a password has to be written as %2C"),
        ("ssh://op:s3cret,x,y@node-1", "a comma in a password has to be written as %2C"),
        ("ssh://op:x@y,s3cret@node-1", "a comma in a password has to be written as %2C"),
        ("", "names no host"),
        ("ssh://", "names no host; write ssh://NAME"),
        ("ssh://-oProxyCommand=touch", "does not begin with a dash"),
        ("ssh://x@-oProxyCommand=touch", "does not begin with a dash"),
        ("kubectl://-p", "does not begin with a dash"),
        ("ssh://a,ssh://a?sudo=true", "ssh://a is named twice, with different settings"),
        ("ssh://a\x1b[2J", "a character that cannot be printed"),
        ("ansible://nobody", "no host of the inventory is called so"),
        ("ansible://windows", "reaches windows by winrm, which is not supported here"),
    ],
)
def test_bad_input_is_one_line(inventory: str, spec: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read(spec, ansible_inventory=inventory)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "evil ansible_host=-oProxyCommand=touch",
        "evil ansible_host=10.0.0.1 ansible_user=-oProxyCommand=touch",
        "evil ansible_connection=docker ansible_host=-v/:/mnt",
        "evil ansible_connection=docker ansible_host=box ansible_user=-e",
    ],
)
def test_an_inventory_cannot_slip_in_an_option(tmp_path: Path, line: str) -> None:
    path = tmp_path / "inventory.ini"
    path.write_text(f"[agents]\n{line}\n")
    with pytest.raises(BadInput, match="begins with a dash, which commands read as an option"):
        read("ansible://agents", ansible_inventory=str(path))


@pytest.mark.parametrize("setting", ["namespace", "container", "context"])
def test_a_pods_settings_cannot_be_options(setting: str) -> None:
    with pytest.raises(BadInput, match="begins with a dash"):
        read(f"kubectl://agent-0?{setting}=-f/etc/shadow")


def test_a_missing_inventory_and_forced_ansible_are_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"ansible://all.*--ansible-inventory=FILE names it"):
        read("ansible://all")
    with pytest.raises(BadInput, match="--force-ansible"):
        read("ansible://all", force_ansible=True)


@pytest.mark.parametrize("option", ["ssh_config", "ssh_identity_file", "ansible_inventory"])
def test_a_file_that_is_not_there_is_said(tmp_path: Path, option: str) -> None:
    with pytest.raises(BadInput, match=rf"^--{option.replace('_', '-')} .*none: no such file$"):
        read("ssh://node-1", **{option: str(tmp_path / "none")})


def test_a_list_of_hosts_is_an_inventory_too() -> None:
    assert [host.vantage for host in read("ansible://all", ansible_inventory="a,b")] == ["ansible://a", "ansible://b"]


def test_the_same_host_twice_is_one() -> None:
    assert len(read("ssh://a,ssh://a, ssh://b")) == 2
