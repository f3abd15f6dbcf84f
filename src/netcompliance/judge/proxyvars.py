"""PRX-03: what the proxy variables mean to the agent, beside what they mean to curl.

Go and curl take other variables and read URLs differently. Where Go drops a setting, or does not know the variable, the
agent goes directly; that may work, so it is a warning. Where Go dials a host that nobody means, PRX-01 fails.
"""

from __future__ import annotations

from netcompliance.findings import Code
from netcompliance.judge.evidence import Evidence, Outcome, decided, finding, listed, notapplicable, notchecked
from netcompliance.judge.judges import judges, observed
from netcompliance.model import Case, Finding, Settings
from netcompliance.observations import Route, Setting

HTTPS_VARIABLES = ("HTTPS_PROXY", "https_proxy")
ENCODED = {"#": "%23", "/": "%2F", "?": "%3F", "%": "%25", "@": "%40", " ": "%20"}


@judges("PRX-03", observes=[observed("route")], unseen=["setting"])
def means_the_same(case: Case, evidence: Evidence, settings: Settings) -> Outcome:
    """PRX-03."""
    route = evidence.route(case.host)
    if route is None:
        return notchecked("the host's proxy variables were not read")
    if route.source == "plan":
        return notapplicable("the proxy is declared, not taken from the environment")
    setting = route.setting
    if setting is None:
        return notchecked("what the agent makes of the proxy variables is not known")
    names = [name for name in setting.names if not name.lower().startswith("no_")]
    if not names:
        return notapplicable("no proxy variable is set")
    reproduce = "env | cut -d= -f1 | grep -i _proxy"
    if setting.agent == "drops":
        return decided([misread(route)], reproduce=reproduce)
    note = f"; {only_http(route)}" if only_http(route) else ""
    return decided(_overlooked(setting), f"{listed(names)}: {_agents(setting)}{note}", reproduce)


def misread(route: Route, place: str = "", name: str = "") -> Finding:
    """The finding for a setting that Go takes for something else than is meant; `place` and `name`, if no variable."""
    setting = route.setting or Setting()
    variable = place or setting.agent_takes or route.source or "HTTPS_PROXY"
    reads = "drops it and connects directly" if setting.agent == "drops" else _other_host(setting)
    meant = setting.meant
    detail = f"{variable}{f' (meant: {meant})' if meant else ''}: the agent {reads}"
    words = {"reads": reads, "encode": _encoding(setting), "variable": variable}
    return finding(Code.PROXY_MISREAD, name or variable, detail, **words)


def only_http(route: Route | None) -> str:
    """A remark where HTTP_PROXY is set and nothing that counts for https; else empty."""
    names = ((route or Route()).setting or Setting()).names
    if any(name in names for name in HTTPS_VARIABLES) or not {"HTTP_PROXY", "http_proxy"} & set(names):
        return ""
    return "HTTP_PROXY alone does not serve HTTPS, which goes directly: set HTTPS_PROXY"


def remedy(route: Route | None) -> str:
    """What else repairs a direct way that is closed, for the remedy of a failed connection; else empty."""
    setting = (route or Route()).setting or Setting()
    names = setting.names
    if setting.agent == "drops":
        return f"; or repair {setting.agent_takes}, which the agent drops: {_encoding(setting)}"
    if any(name in names for name in HTTPS_VARIABLES):
        return ""
    other = next((name for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy") if name in names), None)
    return (
        f"; or set HTTPS_PROXY, if the proxy of {other} is to be used: for HTTPS the agent takes no other"
        if other
        else ""
    )


def _agents(setting: Setting) -> str:
    place = setting.agent_place
    return f"the agent takes {setting.agent_takes} ({place})" if place else "the agent connects directly"


def _other_host(setting: Setting) -> str:
    place = setting.agent_place
    if (setting.trouble or "").endswith("port"):
        return f"cannot dial {place}: that is not a valid port" if place else "cannot dial it: its port is not valid"
    return f"takes {place} for the proxy" if place else "takes another host for the proxy, out of its user information"


def _encoding(setting: Setting) -> str:
    character = setting.character
    if character is None:
        return "write it as http://HOST:PORT"
    if len(character) > 1:
        return f"remove {character}"
    code = ENCODED.get(character) or "".join(f"%{byte:02X}" for byte in character.encode())
    return f"write {character} in the user name or password as {code}"


def _overlooked(setting: Setting) -> list[Finding]:
    """Where curl goes through a proxy that the agent does not take."""
    other, place = setting.curl_takes, setting.curl_place
    mine = setting.agent_takes
    if other is None or (mine is not None and (place is None or _same(setting.agent_place, place, setting))):
        return []
    agent = f"takes {mine} ({setting.agent_place})" if mine else "ignores it and connects directly"
    detail = f"{other}{f' ({place})' if place else ''} is what curl takes; the agent {agent}"
    return [finding(Code.PROXY_OVERLOOKED, other, detail, reads=agent)]


def _same(agent: str | None, curl: str, setting: Setting) -> bool:
    """The same proxy. That curl's port is 1080 where none is written is no difference between variables."""
    return agent == curl or setting.agent_takes == setting.curl_takes
