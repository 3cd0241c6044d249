"""Labels of hosts: what is one, and those of a job in words."""

from collections.abc import Iterable, Sequence
from typing import Final

from jobfile.model.regex import regex

MOST_LABELS: Final = 6
"""The largest number of labels that a job can ask for."""
LABEL_RULE: Final = "small letters, digits, _ and -, a letter or digit first, at most 63 in all"
_LABEL: Final = regex("[a-z0-9][a-z0-9_-]{0,62}")
_OF_A_SERVICE: Final = regex("(?:ubuntu|windows|macos)-[a-z0-9-]++|self-hosted|linux|x64")
"""Runners of GitHub, and labels that it gives by itself."""


def is_label(text: str) -> bool:
    """Whether a text is a valid label."""
    return _LABEL.fullmatch(text) is not None


def hosts_text(labels: Sequence[str]) -> str:
    """The hosts that may run a job: `any host`, `a host with the labels eu, gpu`."""
    if not labels:
        return "any host"
    return f"a host with the label{'s' if len(labels) > 1 else ''} {', '.join(labels)}"


def own_labels(names: Iterable[str]) -> tuple[str, ...]:
    """The labels among the names of runners: without those of a CI service, and those of all machines."""
    small = dict.fromkeys(name.lower() for name in names)
    return tuple(one for one in small if is_label(one) and not _OF_A_SERVICE.fullmatch(one))
