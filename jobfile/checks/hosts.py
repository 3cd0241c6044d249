"""Rules about where a job runs."""

from collections.abc import Iterator
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.labels import LABEL_RULE, MOST_LABELS, is_label
from jobfile.model.regex import regex

_BETWEEN: Final = regex(r"\s*+[,;+&]\s*+|\s++")
"""What separates labels that are written as one text."""
_ELSE: Final = regex("[^a-z0-9_-]++")


def check_labels(job: JobText) -> Iterator[Diagnostic]:
    """JF105: a label in `runs_on` is a plain name; JF106: there are not too many."""
    setting = job.settings.get("runs_on")
    if setting is None:
        return
    labels = list(setting.entries())
    for one in labels:
        if "{{" not in one.text and not is_label(one.text):  # JF113
            yield _no_label(one, is_alone=one is setting)
    count = len({one.text for one in labels})
    if count > MOST_LABELS:
        yield finding(
            setting,
            "JF106",
            f"`runs_on` has {count} labels; at most {MOST_LABELS} are possible",
            label="a host must have all of them",
            help=("give the hosts for this job one label of their own",),
            at_key=True,
        )


def _no_label(label: Setting, *, is_alone: bool) -> Diagnostic:
    text = label.text
    words = [word for word in _BETWEEN.split(text.lower()) if word]
    meant = f"[{', '.join(words)}]" if len(words) > 1 else _in_small_letters(text)
    if len(words) > 1 and not all(map(is_label, words)):
        meant = None
    help_ = () if meant is None else (f"write `{meant}`",)
    if meant is not None and len(words) > 1 and not is_alone:
        meant, help_ = None, (f"write each label as an item of its own: `{meant}`",)
    return finding(
        label,
        "JF105",
        f"`{text[:40]}` is not a label of a host" if text else "a label of `runs_on` is empty",
        label=f"expected {LABEL_RULE}",
        help=help_,
        fix=meant,
    )


def _in_small_letters(text: str) -> str | None:
    """The label that a text most likely means."""
    name = _ELSE.sub("-", text.lower()).strip("-_")
    return name if text.isascii() and is_label(name) and name != "null" else None
