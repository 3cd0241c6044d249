"""The answer of a command that failed: why, and what to do."""

from engine.core.errors import ErrorCode


def failure_to_json(code: ErrorCode, message: str, *, advice: str = "") -> dict[str, object]:
    """An error as JSON data; `advice` is more exact than that of the code."""
    error = {"code": code.value, "message": message, "help": advice or code.advice}
    return {"format": 1, "error": error}
