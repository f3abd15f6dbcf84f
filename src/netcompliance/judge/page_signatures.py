"""Words by which pages of portals, security devices and the service's own web UI are known. Data; matched in bytes,
whatever their case.

A mark stands for what somebody's pages really say. Add one where a page was not recognised, and a row to the tests.
"""

from __future__ import annotations

import re


def _any_of(*patterns: str) -> re.Pattern[bytes]:
    return re.compile("|".join(patterns).encode(), re.IGNORECASE)


PORTALS = _any_of(
    "wispaccessgatewayparam",
    "captive[ -]?portal",
    "hotspot",
    "guest (?:wi-?fi|network|access)",
    "log ?in to (?:the )?(?:network|internet|wi-?fi)",
    "network (?:login|authentication|access agreement)",
    "accept (?:the )?terms",
    "walled garden",
)

BLOCK_WORDS = _any_of(
    "block(?:ed|page)",
    r"\bblock[./-]",
    "access (?:has been |was |is )?(?:denied|blocked|restricted)",
    "(?:web|url|content) ?filter",
    "(?:security|company|corporate) polic",
    "acceptable use",
    "violat",
    "(?:web|url|site) categor|category:",
    "(?:incident|support) id",
)
"""Words of a refusal. On a web page they say that it is a device's."""

DEVICES = _any_of(
    "zscaler|forti(?:guard|net|gate)|palo ?alto|globalprotect|blue ?coat|symantec|forcepoint|websense|mcafee|skyhigh",
    "trellix|netskope|opendns|sophos|check ?point software|barracuda|\\bsquid\\b|watchguard|sonicwall|proxysg|iboss",
    "cisco (?:umbrella|secure|web|ironport)",
)
"""Names that only a device's maker puts into an answer."""

OWN_UI = _any_of("<title>[^<]{0,80}(?:stackstate|suse observability)")
"""The service's web UI, by its title."""

SOME_UI = _any_of("<div id=[\"']?(?:root|app)[\"']?", "<app-root", "/static/js/", "type=[\"']module[\"']")
"""A web application of any kind. On the service's own name it is most likely its web UI."""
