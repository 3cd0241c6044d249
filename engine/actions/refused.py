"""The one refusal: what the language has and this engine cannot run yet never comes as far as an attempt."""

from typing import NoReturn


def refuse(key: str) -> NoReturn:
    """Called only when something is in force that `unsupported` should have refused."""
    raise AssertionError(f"`{key}` was refused when the job was applied")
