"""Finds keys that are unknown at their place, and suggests what was meant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath, Edit, Fix
from jobfile.diagnostics.suggest import FOREIGN_WORDS, did_you_mean, fold, suggest
from jobfile.syntax.document import Document

Keys = Mapping[str, tuple[str, ...]]
"""Kind of map -> its keys; the kinds are those of `kind_of`."""

SAME_MISTAKE = 5
"""An unknown key in more places than this becomes one finding."""

MOST_PLACES = 2
"""Maximum places named where a key does belong."""

FEW_KEYS = 8
"""Maximum keys listed in a message; if there are more, it names the page that lists them."""

_NAMED_MAPS = {
    ("file", "jobs"): "job",
    ("file", "calendars"): "calendar",
    ("file", "queues"): "pool",
    ("file", "channels"): "channel",
    ("job", "params"): "param",
    ("job", "outputs"): "param",
    ("job", "steps"): "step",
    ("step", "outputs"): "param",
}
"""(kind of map, key) -> the kind of each map under a name chosen by the author."""

_ONE_MAPS = {
    ("file", "defaults"): "defaults",
    ("job", "schedule"): "schedule",
    ("job", "triggers"): "trigger",
    ("job", "expect"): "expect",
    ("trigger", "webhook"): "webhook",
    ("trigger", "file"): "files",
    ("trigger", "after"): "after",
    ("param", "items"): "items",
    ("channel", "http"): "http",
    **{(holder, "http"): "http" for holder in ("job", "step")},
    **{(holder, "retry"): "retry" for holder in ("job", "step", "defaults")},
    **{(holder, key): key for holder in ("job", "defaults") for key in ("concurrency", "catchup", "limits")},
}
"""(kind of map, key) -> the kind of the map under that key, alone or in a list."""

_MAPS = {**_NAMED_MAPS, **_ONE_MAPS}
_PART_OF: dict[str, tuple[str, ...]] = {
    kind: tuple(dict.fromkeys(holder for (holder, _), part in _MAPS.items() if part == kind))
    for kind in _MAPS.values()
}
"""Kind of map -> the kinds of map that contain it."""

_KEY_OF = {part: key for (_, key), part in _MAPS.items()} | {"param": "params"}
"""Kind of map -> its key."""

_WORDS = {"pool": "queue", "files": "file"}
"""Kinds whose name in messages differs."""

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
"""Keys of other tools that can simply be renamed if their value has this type."""

_FOREIGN_NOTES = {
    "name": "the key above a job is its name",
    "id": "the key above a job is its name",
    "image": "jobs run on the engine's machine; containers are not supported",
    "container": "jobs run on the engine's machine; containers are not supported",
    "retries": "use `retry`, which counts the first attempt too",
    "max_retries": "use `retry`, which counts the first attempt too",
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
    """An unknown key, the map that contains it, and the keys that are valid there."""

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
    """The kind of the map with fixed keys at a path of the document, or nearest above it."""
    return _steps_to(path)[-1][0]


def nearest_map(path: DocumentPath) -> DocumentPath:
    """The path of the map with fixed keys at a path, or nearest above it."""
    return _steps_to(path)[-1][1]


def is_named(path: DocumentPath) -> bool:
    """Whether the last step of a path is a name chosen by the author."""
    return len(path) > 1 and (kind_of(path[:-2]), path[-2]) in _NAMED_MAPS


def _steps_to(path: DocumentPath) -> list[tuple[str, DocumentPath]]:
    """The maps with fixed keys on the way to a path, from the file inwards, each with its own path."""
    steps: list[tuple[str, DocumentPath]] = [("file", ())]
    at = 0
    while at < len(path):
        place = (steps[-1][0], str(path[at]))
        if place in _NAMED_MAPS and at + 1 < len(path):
            at += 1
            steps.append((_NAMED_MAPS[place], path[: at + 1]))
        elif place in _ONE_MAPS:
            steps.append((_ONE_MAPS[place], path[: at + 1]))
        at += 1
    return steps


def place_of(path: DocumentPath) -> str:
    """The map at a path in words: "job `a`", "`retry` of job `a`", "the file"."""
    words = []
    steps = _steps_to(path)
    for kind, at in reversed(steps[1:]):
        word = "output" if at[-2:-1] == ("outputs",) else _WORDS.get(kind, kind)
        words.append(f"{word} {quoted(str(at[-1]))}" if is_named(at) else quoted(str(at[-1])))
    last = steps[-1][1]
    inner = next((str(step) for step in reversed(path[len(last) :]) if isinstance(step, str)), None)
    if inner is not None:
        words.insert(0, quoted(inner))
    return " of ".join(words) or "the file"


def quoted(text: str) -> str:
    """The text in backticks, on one line and cut to the length of a message."""
    line = text.split("\n", 1)[0]
    return f"`{text}`" if line == text and len(text) <= 60 else f"`{line[:60]}…`"


def unknown_keys(document: Document, paths: Iterable[DocumentPath], *, keys: Keys) -> list[Diagnostic]:
    """One finding for each key; one for all places if the same key is wrong in many places."""
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
    if kind == "file":
        return "the file"
    return f"a {_WORDS.get(kind, kind)}" if kind in _NAMED_MAPS.values() else f"`{_KEY_OF[kind]}`"


def _renamed(diagnostic: Diagnostic, key: str) -> tuple[Fix, ...]:
    return (Fix(title=f"replace with `{key}`", edits=(Edit(span=diagnostic.span, text=key),)),)


@cache
def _folded_words() -> Mapping[str, str]:
    return {fold(word): word for word in FOREIGN_WORDS}


def _foreign_word(stray: _Stray) -> str | None:
    """The table's word for the key, if the key it stands for is valid at this place."""
    word = _folded_words().get(fold(stray.key))
    if word is None:
        return None
    if stray.kind == "job":
        return word
    target = FOREIGN_WORDS[word].rpartition(".")[2]
    return word if target in stray.valid or (stray.kind == "file" and target in stray.keys["job"]) else None


def _foreign(diagnostic: Diagnostic, stray: _Stray, word: str) -> Diagnostic:
    target = FOREIGN_WORDS[word]
    key = target if stray.kind in ("file", "job") else target.rpartition(".")[2]
    first = key.partition(".")[0]
    message = f"{quoted(stray.key)} is a key of another tool, not of jobfile"
    notes = (_FOREIGN_NOTES[word],) if word in _FOREIGN_NOTES else ()
    advice: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    if first in stray.valid or (stray.kind == "file" and first in stray.keys["job"]):
        inside = " in a job" if first not in stray.valid else ""
        advice = (_FOREIGN_HELP.get(word, f"did you mean `{key}`{inside}?"),)
        is_certain = first in stray.valid and first not in stray.siblings and _fits(stray, word)
        fixes = _renamed(diagnostic, first) if is_certain else ()
    return replace(diagnostic, code="JF115", message=message, notes=notes, help=advice, fixes=fixes)


def _fits(stray: _Stray, word: str) -> bool:
    value = stray.siblings[stray.key]
    return word in _SAME_MEANING and type(value) is _SAME_MEANING[word]


def _elsewhere(stray: _Stray) -> str | None:
    """Where the key belongs: one level down or up."""
    parts = [kind for kind in _PART_OF if stray.kind in _PART_OF[kind] and kind not in ("param", "items")]
    down = [_under(kind) for kind in parts if stray.key in stray.keys[kind]]
    if down:
        return f"{quoted(stray.key)} belongs {', or '.join(down[:MOST_PLACES])}"
    above = [kind for kind, _ in reversed(_steps_to(stray.path[:-1])[:-1])]
    up = [kind for kind in above if stray.key in stray.keys[kind]]
    if up:
        own = _KEY_OF.get(above[above.index(up[0]) - 1] if up[0] != above[0] else stray.kind, stray.kind)
        level = "at the top of the file" if up[0] == "file" else f"one level up, beside `{own}`"
        return f"{quoted(stray.key)} belongs {level}"
    if stray.kind == "file" and _looks_like_a_job(stray):
        return "a job belongs under `jobs`"
    return None


def _under(kind: str) -> str:
    key = _KEY_OF[kind]
    return f"in {_what(kind)}, under `{key}`" if kind in _NAMED_MAPS.values() else f"under `{key}`"


def _looks_like_a_job(stray: _Stray) -> bool:
    value = stray.siblings[stray.key]
    return isinstance(value, dict) and any(
        key in value for key in ("run", "command", "steps", "http", "python")
    )


def _listed(stray: _Stray) -> str:
    if stray.kind == "limits":
        return "valid here: `core`; set other limits in the script, such as  ulimit -n 1024"
    if len(stray.valid) > FEW_KEYS:
        return f"for the valid keys:  jobfile explain keys {stray.kind}"
    return f"valid here: {', '.join(f'`{key}`' for key in stray.valid)}"
