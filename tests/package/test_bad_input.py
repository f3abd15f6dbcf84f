"""Bad input is one clear line and exit code 4, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import cryptography.x509  # noqa: F401 - pytester forgets what a run imported, and C extensions cannot be loaded twice
import pytest
import yaml  # noqa: F401 - likewise

import netcompliance.session.build  # noqa: F401 - likewise: a class that is made twice is two classes

WAIVER = '[[waiver]]\nowner = "Ann"\nreason = "because"\nexpires = 2099-01-01\n'


@pytest.fixture
def refused(pytester: pytest.Pytester):
    """Runs pytest with these arguments, which must be refused; gives the one line."""

    def run(*arguments: str, tenant: str | None = "acme") -> str:
        before = {path: path.stat().st_mtime_ns for path in pytester.path.rglob("*")}
        given = [f"--tenant={tenant}"] if tenant is not None else []
        result = pytester.runpytest_inprocess("-p", "netcompliance.plugin", *given, *arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert [line for line in result.outlines if line] == []
        (line,) = (line for line in result.errlines if line)
        assert {path: path.stat().st_mtime_ns for path in pytester.path.rglob("*")} == before
        assert line.isprintable()
        return line.removeprefix("ERROR: ")

    return run


@pytest.mark.parametrize(
    "tenant",
    [
        "",
        ".",
        "acme.app",
        "ac me",
        "acme;id",
        "$(id)",
        "`id`",
        "a" * 64,
        "../acme",
        "/etc/passwd",
        "-acme",
        "acme\n",
        "é",
        "\x1b[31m",
    ],
)
def test_a_tenant_that_is_no_label(refused, tenant: str):
    line = refused(tenant=tenant)
    assert line.startswith("--tenant ")
    assert "one DNS label" in line


def test_one_bad_tenant_among_good_ones(refused):
    assert refused("--tenant=b.c").startswith("--tenant 'b.c'")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--profile=gone.toml", "gone.toml: No such file"),
        ("--profile=.", "Is a directory"),
        ("--images=gone.yaml", "gone.yaml: No such file"),
        ("--allow-list=gone.txt", "gone.txt: No such file"),
        ("--registry=not a host", "not a host name"),
        ("--registry=http://registry.corp.example", "https only"),
        ("--registry=", "not a host name"),
        ("--registry-mode=copy", "--registry HOST/PREFIX"),
        ("--proxy=proxy.corp.example:3128", "--proxy"),
        ("--proxy=http://u:hunter2@proxy.corp.example:3128", "no user names or passwords"),
        ("--domain=no domain", "--domain"),
        ("--hosts=node-1", "write ssh://node-1"),
        ("--hosts=", "names no host"),
        ("--visits=0", "a number from 1 to 500"),
        ("--export=sarif", "one of junit, xccdf, oscal, in-toto, prometheus, csv, markdown"),
        ("--export=junit=", "not a file"),
        ("--export=junit=.", "not a file"),
        ("--export=junit=gone/junit.xml", "a directory that is there"),
        ("--report-dir=/proc/none/here", "--report-dir"),
        ("--report-dir=/dev/null/x", "not a directory"),
    ],
)
def test_options(refused, argument: str, words: str):
    line = refused(argument)
    assert words in line
    assert "hunter2" not in line


@pytest.mark.parametrize(
    ("name", "content", "option", "words"),
    [
        ("p.toml", "domain = \n", "--profile", "p.toml:1: Invalid value"),
        ("p.toml", 'x = 1\n\n[proxy]\nurll = "x"\n', "--profile", "p.toml:1: unknown key 'x'"),
        ("p.toml", '[proxy]\n\nurll = "x"\n', "--profile", "p.toml:3: unknown key 'urll'"),
        ("p.toml", '[interception]\nca_file = "gone.pem"\n', "--profile", "p.toml:2: ca_file: no such file"),
        ("p.toml", '[interception]\nca_file = "p.toml"\n', "--profile", "no PEM certificate"),
        ("p.toml", '[key]\nenv = "NC_NOT_SET"\n', "--profile", "'NC_NOT_SET'"),
        ("p.toml", '[registry]\nhost = "no host"\n', "--profile", "p.toml:2: registry"),
        ("p.toml", WAIVER + 'requirement = "DNS-99"\n', "--profile", "matches nothing"),
        ("p.toml", WAIVER + 'requirement = "DNS-01"\ntarget = "x"\n', "--profile", "matches nothing"),
        ("p.toml", WAIVER + 'requirement = "DNS-01"\nvantage = "ssh://*"\n', "--profile", "matches nothing"),
        ("allow.txt", "34.250.11.21\n34.250.11.999\n", "--allow-list", "allow.txt:2"),
        ("allow.txt", "", "--allow-list", "no address"),
        ("values.yaml", "global: [\n", "--images", "values.yaml:"),
        ("values.yaml", "some: thing\n", "--images", "no key of the chart's values"),
        ("list.txt", "quay.io/a:1\nquay.io/B:1\n", "--images", "list.txt:2"),
        ("list.txt", "\x1b[31m\n", "--images", "list.txt"),
        ("reports", "a file", "--report-dir", "not a directory"),
    ],
)
def test_files(refused, pytester: pytest.Pytester, name: str, content: str, option: str, words: str):
    (pytester.path / name).write_text(content, encoding="utf-8")
    line = refused(f"{option}={name}")
    assert name in line
    assert words in line


@pytest.mark.parametrize(
    ("name", "content", "option", "words"),
    [
        ("values.yaml", "stackstate:\n  apiKey: !Hunter2-secret\n", "--values", "values.yaml:2"),
        ("list.txt", "op:Hunter2-secret@registry.example/a:1\n", "--images", "list.txt:1"),
        ("p.toml", "[key]\nenv = 'Hunter2-secret'\n", "--profile", "not the key itself"),
        ("p.toml", "[key]\nfile = 'Hunter2-secret'\n", "--profile", "p.toml:2: file: no such file"),
        (
            "p.toml",
            "[chart]\nrepository = 'https://charts.example/x?t=Hunter2-secret'\n",
            "--profile",
            "p.toml:2: repository 'https://charts.example/x?***'",
        ),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(
    refused, pytester: pytest.Pytester, name: str, content: str, option: str, words: str
):
    (pytester.path / name).write_text(content, encoding="utf-8")
    line = refused(f"{option}={name}")
    assert words in line
    assert "unter2" not in line


def test_a_profile_of_the_tenant_is_found_and_checked(refused, pytester: pytest.Pytester):
    profile = pytester.path / "fixtures" / "tenants" / "acme.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text("nonsense\n", encoding="utf-8")
    assert "acme.toml:1:" in refused()


def test_a_report_directory_without_the_right_to_write(
    refused, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.access", lambda path, mode, **_: False)
    assert "cannot be written" in refused("--report-dir=here")


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("--level=may", "--level 'may': it is one of must, should"),
        ("--level=", "--level '': it is one of must, should"),
        ("--registry-mode=cache", "--registry-mode 'cache': it is one of direct, proxy, copy"),
    ],
)
def test_unknown_words_of_an_option(refused, argument: str, line: str):
    assert refused(argument) == line


def test_a_watch_that_nothing_would_be_judged_by(refused):
    line = "--level=should leaves out WATCH-01, by which a watch is judged: leave one out"
    assert refused("--level=should", "--watch=8s") == line


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("-n", "2"), "-n"),
        (("-n1",), "-n"),
        (("--tx", "2*popen"), "--tx"),
        (("-d", "--tx", "2*popen"), "--tx"),
        (("--dist", "loadfile"), "--dist"),
        (("--forked",), "--forked"),
    ],
)
def test_spreading_over_processes_is_refused(run_suites, arguments: tuple[str, ...], option: str):
    ended = run_suites(*arguments, script={"crash": "looked"})
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert ended.err.strip() == (
        f"ERROR: {option}: one visit serves all tests: nothing to spread over processes; leave {option} out"
    )
    assert not ended.reports.exists()


def test_one_process_is_no_spreading(run_suites):
    assert run_suites("-n0", "--dist", "no", script={}).code == 0


def test_in_the_checkout_without_a_tenant_one_line_says_what_to_type(checkout: Path, run_suites):
    for arguments in ((), ("suites/test_dns.py",), ("suites",), (".",)):
        ended = run_suites(*arguments, tenant=(), report_dir="")
        assert ended.code == pytest.ExitCode.USAGE_ERROR
        assert ended.out.strip() == ""
        assert ended.err.strip().splitlines() == [
            "ERROR: name the tenant: pytest --tenant=NAME, as in https://NAME.app.stackstate.io"
        ]


def test_a_waiver_of_a_level_that_is_not_asked_this_time_is_no_mistake(run_suites, tmp_path: Path):
    (tmp_path / "p.toml").write_text(WAIVER + 'requirement = "OUT-01"\n')
    ended = run_suites("--level=should", f"--profile={tmp_path / 'p.toml'}", script={})
    assert (ended.code, ended.err) == (0, "")
    assert "waivers  OUT-01 * from *: Ann, until 2099-01-01: because" in ended.out


def test_exports_that_would_end_up_in_one_file(refused):
    assert "the same file twice" in refused("--export=csv", "--export=csv")
    assert "the same file twice" in refused("--export=csv=x", "--export=junit=./x")
    assert "leave the file out" in refused("--export=csv=x", "--tenant=other")
