"""The world's name patterns (`fnmatch`) in the regular expressions that daemons read."""

from __future__ import annotations

import re


def regex(pattern: str) -> str:
    """An expression for what `pattern` matches, without anchors; PCRE and POSIX ERE read it alike."""
    return re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".").replace(r"\-", "-")
