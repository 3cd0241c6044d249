"""The refusal: an action that this engine cannot run yet never gets as far as an attempt."""

from typing import NoReturn


def refuse(key: str) -> NoReturn:
    """Called only when something is in force that `unsupported` should have refused."""
    raise AssertionError(f"`{key}` was refused when the job was applied")
