"""What starts a job besides its schedule, in words: a file in a folder, a call, the host, another job."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import Any, Final

from engine.answers.expected import Item
from engine.core.following import after_words
from engine.core.lifecycle import Run, TriggerKind
from engine.core.records import Watched
from engine.core.vocabulary import instant_text
from jobfile.model.canonical import from_plain, to_plain
from jobfile.model.jobs import AfterTrigger, JobSpec

HOOKS: Final = "/hooks/"
"""What the addresses of webhooks begin with."""


def starts_of(spec: JobSpec) -> tuple[str, ...]:
    """What starts a job besides its schedule: one text for each trigger."""
    return starts_in(to_plain(one) for one in spec.triggers)


def starts_in(triggers: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The same for triggers in the form of the ledger."""
    return tuple(_words(one) for one in triggers)


def _words(trigger: Mapping[str, Any]) -> str:
    match trigger["kind"]:
        case "file":
            folder = f"{trigger['folder'].rstrip('/')}/"
            where = f"{folder} or a folder in it" if trigger.get("recursive") else folder
            pattern = trigger.get("match", "*")
            return f"on a file in {where}" + (f" that matches {pattern}" if pattern != "*" else "")
        case AfterTrigger.KIND:
            return after_words(from_plain(AfterTrigger, trigger))
        case "webhook":
            return f"on a call of {HOOKS}{trigger['webhook']}"
        case _:
            return "at the start of the host"


def requested_words(item: Item) -> str:
    """How a run was requested that no schedule has started: the word before the time, or its file with it."""
    if path := file_of(item.run):
        return f"for the file {path}, found at"
    hook = webhook_of(item.run)
    return f"by a call of {hook} at" if hook else "requested at"


def file_of(run: Run | None) -> str:
    """The path of the file that started a run, on one line; empty if none did."""
    if run is None or run.trigger is not TriggerKind.FILE:
        return ""
    return str(run.trigger_values.get("path", "")).replace("\n", "\\n").replace("\t", "\\t")


def webhook_of(run: Run | None) -> str:
    """The path whose call started a run; empty if none did."""
    if run is None or run.trigger is not TriggerKind.WEBHOOK:
        return ""
    return f"{HOOKS}{run.trigger_values.get('webhook', '')}"


def folder_words(one: Watched) -> str:
    """What is wrong with a watched folder, and since when; empty if nothing is."""
    since = "" if one.since is None else f" (since {instant_text(one.since, UTC)})"
    return f"{one.trouble}{since}" if one.trouble else ""
