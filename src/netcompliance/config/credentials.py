"""What must never be written: the API key, and the passwords of the environment's proxies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote

from netcompliance.config import validation
from netcompliance.config.profile import Profile
from netcompliance.model import Settings

DEFAULT_VARIABLE = Settings(tenant="").key_env


def key_variable(chosen: Profile) -> str:
    """The variable of the environment that holds the API key, if one does."""
    return chosen.key_env or DEFAULT_VARIABLE


def key(chosen: Profile, environ: Mapping[str, str]) -> str | None:
    """The API key as it is found on this machine, for hosts that are elsewhere. Raises `BadInput`."""
    if chosen.key_file:
        return validation.read_text(chosen.key_file, "key file").strip() or None
    return environ.get(key_variable(chosen), "").strip() or None


def of_environment(environ: Mapping[str, str], variable: str = DEFAULT_VARIABLE) -> tuple[str, ...]:
    """The secrets of the environment, each once. `variable` may hold an API key too, beside the usual one."""
    found = [environ.get(name, "") for name in {DEFAULT_VARIABLE, variable}]
    for name, value in environ.items():
        if name.lower().endswith("_proxy"):
            # Not by urlsplit: clients also take URLs without a scheme, and passwords that should have been encoded.
            rest = value.partition("://")[2] or value
            ends = [at.start() for at in re.finditer(validation.AT, rest)]
            is_plain = name.lower() == "no_proxy" or validation.hide_proxy(value) == value
            login = rest[: ends[-1]] if ends else "" if is_plain else rest
            password = "".join(re.split(validation.COLON, login, maxsplit=1)[1:])
            found += [login, unquote(login), password, unquote(password)] if password else []
    return tuple(dict.fromkeys(stripped for secret in found if (stripped := secret.strip())))
