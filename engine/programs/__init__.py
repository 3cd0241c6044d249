"""Small programs that run in the process of a job. They import only the standard library."""

from pathlib import Path
from typing import Final

__all__ = ["CALL_FUNCTION"]

CALL_FUNCTION: Final = str(Path(__file__).with_name("call_function.py"))
"""The program that calls a Python function: its path only, since the engine has no use for its imports."""
