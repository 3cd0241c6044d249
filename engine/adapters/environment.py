"""The process's environment; the only place that reads it."""

import getpass
import os
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """A copy of the environment at this moment."""
    return dict(os.environ)  # noqa: TID251  this is the door


def user_name() -> str:
    """Who is asking, for the audit."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
