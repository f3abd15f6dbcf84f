"""Whose fault it is when nothing could be seen: not the network's that is being judged."""

from __future__ import annotations


class CouldNotLook(Exception):
    """A vantage could not be visited. There is no verdict on what nobody saw."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"could not look: {cause}; {remedy}")
        self.cause = cause
        self.remedy = remedy
