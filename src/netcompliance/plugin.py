"""The pytest surface. Every decision is elsewhere; this module connects them to pytest's hooks.

Rules
* Without `--tenant` nothing happens, and importing this costs next to nothing: whatever is heavy is imported in a hook.
* All input is checked in `pytest_configure`, before anything is written: bad input is one line and exit code 4.
* Setup of a test asks "could we look?" (no: *Error*), its body "is it satisfied?" (no: *Failed*).
* Exit code 0 means satisfied. A run that is undetermined ends with 1, even if no test failed.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Generator, Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netcompliance.config import options

if TYPE_CHECKING:
    from netcompliance.session.artifacts import Artifacts
    from netcompliance.session.pytest_items import Session

SESSION: pytest.StashKey[Session] = pytest.StashKey()
ARTIFACTS: pytest.StashKey[Artifacts] = pytest.StashKey()
"""What the runs left: there from the end of the session on."""
_SPREADING = {
    "numprocesses": "-n",
    "tx": "--tx",
    "dist": "--dist",
    "forked": "--forked",
    "workers": "--workers",
    "tests_per_worker": "--tests-per-worker",
}
"""Options of pytest-xdist, pytest-forked and pytest-parallel, by where pytest keeps them. A worker would make visits of
its own, and nobody would have seen all of them."""
_INFORMATIONAL = ("help", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    options.add(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Check all input, and choose the suites."""
    config.addinivalue_line("markers", "requirement(id): the requirement of the catalogue that a test asks")
    if not config.getoption("--tenant") or _asks_pytest_itself(config):
        return
    from netcompliance.config.validation import BadInput
    from netcompliance.session import build

    config.pluginmanager.register(_Ending(config))
    try:
        _refuse_workers(config)
        session = build.plan(options.read(config), config.invocation_params.dir)
        if not config.getoption("collectonly"):
            session.open()
    except BadInput as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SESSION] = session
    if config.args_source is not pytest.Config.ArgsSource.ARGS:
        config.args[:] = [str(suites())]
        config.option.importmode = "importlib"
    config.option.self_contained_html = True


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Without a tenant the suites have nothing to ask: say what to type."""
    config = session.config
    if SESSION in config.stash:
        from pytest_metadata.plugin import metadata_key

        config.stash[SESSION].clean(config.stash.get(metadata_key, {}))
        return
    if _asks_pytest_itself(config):
        return
    if not any(_is_ours(Path(arg.split("::")[0])) for arg in config.args):
        return
    raise pytest.UsageError("name the tenant: pytest --tenant=NAME, as in https://NAME.app.stackstate.io")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """From here on somebody may look: show how the visits go on. Who is asked to end, ends as after Ctrl-C."""
    config = session.config
    ours = config.stash.get(SESSION, None)
    if ours is None or config.getoption("collectonly"):
        return (yield)
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter:
        ours.show(reporter, config.pluginmanager.getplugin("capturemanager"))
    with _ending_in_order():
        return (yield)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """What is about to be asked."""
    session = config.stash.get(SESSION, None)
    return session.header() if session else []


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each planned case. Last of all plugins, or ids would differ between checkout and wheel."""
    marker = metafunc.definition.get_closest_marker("requirement")
    session = metafunc.config.stash.get(SESSION, None)
    if marker and session and "verdict" in metafunc.fixturenames:
        metafunc.function.__doc__ = metafunc.function.__doc__ or session.sentence(marker.args[0])
        cases = session.cases(marker.args[0])
        metafunc.parametrize("verdict", cases, ids=session.ids(cases), indirect=True)
    if session and "comparison" in metafunc.fixturenames:
        plans = session.compared()
        metafunc.parametrize("comparison", plans, ids=[plan.tenant for plan in plans], indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Compare when all verdicts are given, and only where there is a baseline."""
    session = config.stash.get(SESSION, None)
    if session is None:
        return
    last = [item for item in items if "comparison" in getattr(item, "fixturenames", ())]
    items[:] = [item for item in items if item not in last] + (last if session.compared() else [])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Nobody looks for a tenant of which no test is left."""
    ours = session.config.stash.get(SESSION, None)
    if ours:
        asked = [item.callspec.params.get("verdict") for item in session.items if hasattr(item, "callspec")]
        ours.select({each[0] for each in asked if isinstance(each, tuple)})  # a level without cases has a stand-in


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> Any:
    """The verdict on this test's case. The first one that is asked for makes the visit, for all."""
    session = request.config.stash.get(SESSION, None)
    if session is None:
        raise pytest.UsageError("name the tenant: pytest --tenant=NAME")
    try:
        return session.ask(request.param)
    finally:
        request.node.user_properties.extend(session.properties(request.param))


@pytest.fixture
def comparison(request: pytest.FixtureRequest) -> Any:
    """A run, held against its baseline."""
    session = request.config.stash.get(SESSION, None)
    if session is None:
        raise pytest.UsageError("name the tenant: pytest --tenant=NAME")
    return session.compare(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell an unmet requirement as a paragraph, and one that nobody could look at with cause and remedy."""
    report = yield
    session = item.config.stash.get(SESSION, None)
    if session:
        session.explain(report, call.excinfo.value if call.excinfo else None)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """An unmet should and a waiver are neither passed nor failed."""
    word = getattr(report, "netcompliance_word", None)
    return (word, word[0], (word.upper(), {"yellow": True})) if word else None


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    """Write the footers before all reports, pytest-html's for one, then ours, and sum up everything last."""
    ours = session.config.stash.get(SESSION, None)
    if ours is None or session.config.getoption("collectonly"):
        return (yield)
    artifacts = session.config.stash[ARTIFACTS] = ours.close()
    _never_green(session, artifacts)
    try:
        result = yield
    except OSError as error:
        artifacts.unreported(error, getattr(session.config.option, "htmlpath", None))
        result = None
    artifacts.report()
    artifacts.seal()
    _never_green(session, artifacts)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    """Tell verdicts once: in our table and paragraphs, not in pytest's FAILURES and ERRORS as well."""
    artifacts = config.stash.get(ARTIFACTS, None)
    if artifacts is None:
        return (yield)
    stats = terminalreporter.stats
    kept: dict[str, list[Any]] = {name: list(stats[name]) for name in ("failed", "error") if name in stats}
    for name, reports in kept.items():
        stats[name] = [report for report in reports if not getattr(report, "netcompliance_told", False)]
    try:
        result = yield
    finally:
        stats.update(kept)
    artifacts.summarise(terminalreporter)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: Any) -> None:
    """The title of pytest-html's page (`--html`)."""
    if SESSION in report.config.stash:
        report.title = "Network compliance"


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_summary(prefix: list[str], session: pytest.Session) -> None:
    """Everything that our own page tells stands above its table of tests."""
    artifacts = session.config.stash.get(ARTIFACTS, None)
    if artifacts:
        prefix.append(artifacts.html())


@pytest.hookimpl(optionalhook=True)
def pytest_html_results_table_row(report: pytest.TestReport, cells: list[str]) -> None:
    """A row of its table leads to what is told of the requirement. pytest-html takes an id for HTML."""
    if getattr(report, "netcompliance", False) and len(cells) > 3:
        cells[1] = f'<td class="col-testId">{escape(report.nodeid)}</td>'
        if told := getattr(report, "netcompliance_anchor", ""):
            name = escape(told.partition("-")[2])
            cells[3] = f'<td class="col-links"><a href="#{escape(told)}">{name}</a></td>'


def suites() -> Path:
    """The suites: inside the installed package, or beside src/ in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "suites"
    return installed if installed.is_dir() else here.parent.parent / "suites"


class _Ending:
    """How pytest tells of an interrupt, and of a defect outside of tests: it shows no value, since one may be a key."""

    def __init__(self, config: pytest.Config) -> None:
        self._stash = config.stash

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Ctrl-C, or a signal that is taken for it: pytest asks for the traceback itself, and gets this one."""
        told = self._without_values(excinfo)
        vars(excinfo)["getrepr"] = lambda **_: told

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: Any, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """The traceback is made already: what it shows is replaced."""
        vars(excrepr).update(vars(self._without_values(excinfo)))

    def _without_values(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
        from netcompliance.session import build, pytest_items

        session = self._stash.get(SESSION, None)
        return pytest_items.without_values(excinfo, session.redacted if session else build.redacted)


@contextlib.contextmanager
def _ending_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP, where nobody else has a use for them, interrupt: so the journal gets its footer."""

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    taken = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        taken = []
    for each in taken:
        signal.signal(each, interrupt)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, signal.SIG_DFL)


def _asks_pytest_itself(config: pytest.Config) -> bool:
    return any(config.getoption(name, None) for name in _INFORMATIONAL)


def _never_green(session: pytest.Session, artifacts: Artifacts) -> None:
    if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not artifacts.satisfied:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _refuse_workers(config: pytest.Config) -> None:
    from netcompliance.config.validation import BadInput

    for name, option in _SPREADING.items():
        if config.getoption(name, None) not in (None, False, 0, [], "no"):
            raise BadInput(
                f"{option}: one visit serves all tests: nothing to spread over processes; leave {option} out"
            )


def _is_ours(path: Path) -> bool:
    ours, asked = suites(), path.resolve()
    checkout = Path(__file__).resolve().parent not in ours.parents
    return asked == ours or ours in asked.parents or (checkout and asked == ours.parent)
