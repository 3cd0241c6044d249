"""Small programs that run in the process of a job. They import only the standard library, and urllib3."""

from pathlib import Path
from typing import Final

__all__ = ["CALL_FUNCTION", "HTTP_REQUEST", "REQUEST", "http_request"]

CALL_FUNCTION: Final = str(Path(__file__).with_name("call_function.py"))
"""The program that calls a Python function: its path only, since the engine has no use for its imports."""
HTTP_REQUEST: Final = str(Path(__file__).with_name("http_request.py"))
"""The program that sends a request."""
REQUEST: Final = "JOBFILE_REQUEST"
"""The variable with the request; the program removes it."""
