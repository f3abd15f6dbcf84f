"""Whose fault it is when nothing could be seen: not the network's that is being judged."""

from __future__ import annotations

from pathlib import PurePath


class CouldNotLook(Exception):
    """A vantage could not be visited. There is no verdict on what nobody saw."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"could not look: {cause}; {remedy}")
        self.cause = cause
        self.remedy = remedy


def not_judged(error: Exception) -> CouldNotLook:
    """What a visited host sent brought a judge to fall: our defect, and no reason to be without the other hosts."""
    at = error.__traceback__
    while at and at.tb_next:
        at = at.tb_next
    where = f" in {PurePath(at.tb_frame.f_code.co_filename).name}, line {at.tb_lineno}" if at else ""
    cause = f"what this host sent cannot be judged: a defect in netcompliance ({type(error).__name__}{where})"
    return CouldNotLook(cause, "report it, with the journal")


def too_large() -> CouldNotLook:
    """What a visited host sent makes verdicts that are larger than those on any network."""
    cause = "the host sent what no probe sends: more than the verdicts on one host can hold"
    return CouldNotLook(cause, "find out what answers there instead of the probe; what it sent is in the journal")


def contradictory(what: str) -> CouldNotLook:
    """What a visited host sent does not fit itself, or what it was asked."""
    cause = f"the host sent what no probe sends: {what}"
    return CouldNotLook(cause, "find out what answers there instead of the probe; what it sent is in the journal")
