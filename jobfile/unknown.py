"""Keys that the language does not have at their place, and what was probably meant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from jobfile.diagnostic import Diagnostic, DocumentPath, Edit, Fix
from jobfile.document import Document
from jobfile.suggest import FOREIGN_WORDS, did_you_mean, fold, suggest

Keys = Mapping[str, tuple[str, ...]]
"""Kind of map -> its keys; the kinds are those of `kind_of`."""

SAME_MISTAKE = 5
"""One unknown key in more places than this is one finding."""

FEW_KEYS = 8
"""So many keys are listed; of more, the page that has them is named."""

_PART_OF = {
    "defaults": ("file",),
    "job": ("file",),
    "param": ("job",),
    "items": ("param",),
    "schedule": ("job",),
    "retry": ("job", "defaults"),
    "concurrency": ("job", "defaults"),
    "catchup": ("job", "defaults"),
}
"""Kind of map -> the kinds of map it stands in."""

_LATER = {
    "file": "include calendars queues channels",
    "job": "triggers steps http python expect matrix if working_dir pass_env start_deadline pause_on_failure"
    " queue priority idempotency_key outputs artifacts notify renamed_from",
    "defaults": "working_dir pass_env start_deadline pause_on_failure queue priority notify",
    "schedule": "at business_day time calendar on_closed from until spread",
}
"""Kind of map -> keys of the language that this version does not have yet."""

_SAME_MEANING = {
    "cron": str,
    "crontab": str,
    "script": str,
    "cmd": str,
    "environment": dict,
    "variables": dict,
    "envs": dict,
    "tz": str,
    "max_active_runs": int,
}
"""Foreign words that can be replaced as they stand, when their value has this type."""

_FOREIGN_NOTES = {
    "name": "the key above a job is its name",
    "id": "the key above a job is its name",
    "image": "jobs run on the machine of the engine; containers are not supported",
    "container": "jobs run on the machine of the engine; containers are not supported",
    "retries": "`retry` counts the first try too",
    "max_retries": "`retry` counts the first try too",
}

_FOREIGN_HELP = {
    "timeout-minutes": "write the unit: `timeout: 30m`",
    "timeout_sec": "write the unit: `timeout: 30s`",
    "timeoutSec": "write the unit: `timeout: 30s`",
    "suspend": "write `enabled: false`",
    "paused": "write `enabled: false`",
    "disabled": "write `enabled: false`",
    "interval": "write `schedule: {every: 15m}`",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stray:
    """A key, the map it was found in, and the keys the language has there."""

    path: DocumentPath
    kind: str
    siblings: Mapping[str, object]
    keys: Keys

    @property
    def key(self) -> str:
        return str(self.path[-1])

    @property
    def valid(self) -> tuple[str, ...]:
        return self.keys[self.kind]


def kind_of(path: DocumentPath) -> str:
    """What kind of map with fixed keys stands at a path of the document."""
    if len(path) <= 1:
        return "defaults" if path else "file"
    if path[0] == "jobs" and len(path) == 2:
        return "job"
    if path[0] == "jobs" and path[2] == "params":
        return "param" if len(path) == 4 else "items"
    return next(str(step) for step in reversed(path) if isinstance(step, str))


def place_of(path: DocumentPath) -> str:
    """The map at a path in words: "job `a`", "`retry` of job `a`", "the file"."""
    if len(path) <= 1:
        return f"`{path[0]}`" if path else "the file"
    if path[0] == "jobs" and len(path) == 2:
        return f"job {quoted(str(path[1]))}"
    outer = place_of(path[:1] if path[0] == "defaults" else path[:2])
    if path[0] == "jobs" and path[2] == "params" and len(path) > 3:
        inner = f"param {quoted(str(path[3]))}"
        return f"{inner} of {outer}" if len(path) == 4 else f"`{path[4]}` of {inner} of {outer}"
    return f"{quoted(kind_of(path))} of {outer}"


def quoted(text: str) -> str:
    """The text in backticks, on one line and not longer than a line can bear."""
    line = text.split("\n", 1)[0]
    return f"`{text}`" if line == text and len(text) <= 60 else f"`{line[:60]}…`"


def unknown_keys(document: Document, paths: Iterable[DocumentPath], *, keys: Keys) -> list[Diagnostic]:
    """One finding a key, but one for all places where the same key is wrong in the same way."""
    groups: dict[tuple[str, str, str], list[Diagnostic]] = defaultdict(list)
    for path in sorted(paths, key=document.key_span):
        siblings = _map_at(document, path[:-1])
        stray = _Stray(path=path, kind=kind_of(path[:-1]), siblings=siblings, keys=keys)
        diagnostic = _explain(document, stray)
        groups[(diagnostic.code, stray.kind, stray.key)].append(diagnostic)
    return [one for group in groups.values() for one in _gathered(group)]


def _map_at(document: Document, path: DocumentPath) -> Mapping[str, object]:
    here = document.tree
    for step in path:
        here = here[step]  # type: ignore[index]  # a path of the document: lists take its numbers
    return here


def _gathered(group: list[Diagnostic]) -> list[Diagnostic]:
    if len(group) <= SAME_MISTAKE:
        return group
    first = group[0]
    edits = dict.fromkeys(edit for one in group for fix in one.fixes for edit in fix.edits)  # aliases repeat
    fixes = tuple(replace(fix, edits=tuple(edits)) for fix in first.fixes)
    return [replace(first, message=f"{first.message}, and {len(group) - 1} more", fixes=fixes)]


def _explain(document: Document, stray: _Stray) -> Diagnostic:
    diagnostic = Diagnostic(
        code="JF101",
        message=f"unknown key {quoted(stray.key)} in {place_of(stray.path[:-1])}",
        file=document.source.name,
        span=document.key_span(stray.path),
        label=f"not a key of {_what(stray.kind)}",
        path=stray.path,
    )
    if stray.key in _LATER.get(stray.kind, "").split():
        message = f"`{stray.key}` is not supported by this version of jobfile"
        return replace(diagnostic, message=message, label="")
    if not any(fold(stray.key) == fold(key) for key in stray.valid):
        word = _foreign_word(stray)
        if word is not None:
            return _foreign(diagnostic, stray, word)
    nearest = suggest(stray.key, stray.valid)
    if nearest:
        is_certain = len(nearest) == 1 and nearest[0] not in stray.siblings
        fixes = _renamed(diagnostic, nearest[0]) if is_certain else ()
        return replace(diagnostic, help=(did_you_mean(nearest),), fixes=fixes)
    return replace(diagnostic, help=(_elsewhere(stray) or _listed(stray),))


def _what(kind: str) -> str:
    return {"file": "the file", "job": "a job", "param": "a param"}.get(kind, f"`{kind}`")


def _renamed(diagnostic: Diagnostic, key: str) -> tuple[Fix, ...]:
    return (Fix(title=f"replace with `{key}`", edits=(Edit(span=diagnostic.span, text=key),)),)


@cache
def _folded_words() -> Mapping[str, str]:
    return {fold(word): word for word in FOREIGN_WORDS}


def _foreign_word(stray: _Stray) -> str | None:
    """The word of the table that the key is, when what it stands for belongs at this place."""
    word = _folded_words().get(fold(stray.key))
    if word is None:
        return None
    if stray.kind == "job":
        return word
    target = FOREIGN_WORDS[word].rpartition(".")[2]
    known = target in stray.valid or target in _LATER.get(stray.kind, "").split()
    return word if known or (stray.kind == "file" and target in stray.keys["job"]) else None


def _foreign(diagnostic: Diagnostic, stray: _Stray, word: str) -> Diagnostic:
    target = FOREIGN_WORDS[word]
    key = target if stray.kind in ("file", "job") else target.rpartition(".")[2]
    first = key.partition(".")[0]
    message = f"{quoted(stray.key)} is the word of another tool"
    notes = (_FOREIGN_NOTES[word],) if word in _FOREIGN_NOTES else ()
    advice: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    if first in stray.valid or (stray.kind == "file" and first in stray.keys["job"]):
        inside = " in a job" if first not in stray.valid else ""
        advice = (_FOREIGN_HELP.get(word, f"did you mean `{key}`{inside}?"),)
        is_certain = first in stray.valid and first not in stray.siblings and _fits(stray, word)
        fixes = _renamed(diagnostic, first) if is_certain else ()
    elif first:
        notes = (
            *notes,
            f"here it is `{key}`, which is not supported by this version of jobfile",
        )
    return replace(diagnostic, code="JF115", message=message, notes=notes, help=advice, fixes=fixes)


def _fits(stray: _Stray, word: str) -> bool:
    value = stray.siblings[stray.key]
    return word in _SAME_MEANING and type(value) is _SAME_MEANING[word]


def _elsewhere(stray: _Stray) -> str | None:
    """Where the key does belong, one level down or up."""
    parts = [kind for kind in _PART_OF if stray.kind in _PART_OF[kind] and kind not in ("param", "items")]
    down = [_under(kind) for kind in parts if stray.key in stray.keys[kind]]
    if down:
        return f"{quoted(stray.key)} belongs {', or '.join(down)}"
    apart = "job" if stray.path[0] == "defaults" else "defaults"
    up = [kind for kind in _PART_OF.get(stray.kind, ()) if kind != apart and stray.key in stray.keys[kind]]
    if up:
        level = "at the top of the file" if up[0] == "file" else f"one level up, beside `{stray.kind}`"
        return f"{quoted(stray.key)} belongs {level}"
    if stray.kind == "file" and _looks_like_a_job(stray):
        return "a job belongs under `jobs`"
    return None


def _under(kind: str) -> str:
    return "in a job, under `jobs`" if kind == "job" else f"under `{kind}`"


def _looks_like_a_job(stray: _Stray) -> bool:
    value = stray.siblings[stray.key]
    return isinstance(value, dict) and ("run" in value or "command" in value)


def _listed(stray: _Stray) -> str:
    if len(stray.valid) > FEW_KEYS:
        return f"the keys it may have: jobfile explain keys {stray.kind}"
    return f"valid here: {', '.join(f'`{key}`' for key in stray.valid)}"
