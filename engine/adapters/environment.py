"""The process's environment; the only place that reads it."""

import os
import pwd
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    """A copy of the environment at this moment."""
    return dict(os.environ)  # noqa: TID251  this is the door


def user_name() -> str:
    """Who is asking, for the audit."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
