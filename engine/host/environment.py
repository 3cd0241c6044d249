"""The process's environment; the only place that reads it."""

import os
import pwd
from collections.abc import Mapping
from functools import cache


def environment() -> Mapping[str, str]:
    """A copy of the environment at this moment."""
    return dict(os.environ)  # noqa: TID251  this is the door


def take_from_environment(name: str) -> str:
    """The value of a variable, which is removed: no process that is started later gets it."""
    return os.environ.pop(name, "")  # noqa: TID251  this is the door


@cache
def account() -> Mapping[str, str]:
    """HOME, USER and LOGNAME of the user who runs this, as cron sets them for jobs; may be empty."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return {}
    found = {"HOME": entry.pw_dir, "LOGNAME": entry.pw_name, "USER": entry.pw_name}
    return {name: value for name, value in found.items() if value}


def user_name() -> str:
    """The user of this command, for the audit."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
