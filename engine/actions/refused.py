"""Refuses actions that this engine cannot run yet. They are refused earlier, so this is never reached."""

from typing import NoReturn


def refuse(key: str) -> NoReturn:
    """Raise for an action that `unsupported` should have refused before it was put in force."""
    raise AssertionError(f"`{key}` was refused when the job was applied")
