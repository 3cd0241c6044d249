"""Small programs that run in processes of their own. They import only the standard library, and urllib3 or
apprise."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = [
    "APPRISE_SEND",
    "CALL_FUNCTION",
    "HTTP_REQUEST",
    "INSTALL_APPRISE",
    "REQUEST",
    "has_apprise",
    "http_request",
]

CALL_FUNCTION: Final = str(Path(__file__).with_name("call_function.py"))
"""The program that calls a Python function: its path only, since the engine has no use for its imports."""
HTTP_REQUEST: Final = str(Path(__file__).with_name("http_request.py"))
"""The program that sends a request."""
REQUEST: Final = "JOBFILE_REQUEST"
"""The variable with the request; the program removes it."""
APPRISE_SEND: Final = str(Path(__file__).with_name("apprise_send.py"))
"""The program that sends a notification with the library Apprise, which is an extra of jobfile."""
INSTALL_APPRISE: Final = "pip install 'jobfile[notify]'"


@cache
def has_apprise() -> bool:
    """Whether the library Apprise is installed; it is not imported."""
    return find_spec("apprise") is not None
