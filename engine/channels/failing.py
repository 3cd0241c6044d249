"""What is kept of a delivery that failed."""

from collections.abc import Mapping
from typing import Final

from engine.supervisor.masking import Masker
from jobfile.diagnostics.escapes import printable

MAX_OUTPUT_BYTES: Final = 1024 * 1024
"""A program that sends may not print more."""
MAX_ERROR: Final = 300
"""Maximum number of characters kept of an error."""


def shown(error: str, secrets: Mapping[str, str]) -> str:
    """An error in a form for the ledger: one line, not too long, without the values of secrets."""
    masker = Masker(secrets.values())
    content = error.encode("utf-8", "backslashreplace")
    text = (masker.feed(content) + masker.rest()).decode("utf-8", "replace")
    text = printable(" ".join(text.split()))
    return text if len(text) <= MAX_ERROR else f"{text[: MAX_ERROR - 1]}…"
