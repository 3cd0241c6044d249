"""Finds keys that are unknown at their place, and suggests what was meant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath, Edit, Fix
from jobfile.diagnostics.suggest import did_you_mean, fold, suggest
from jobfile.schema.forms import Form, Kind, quoted, word_for
from jobfile.syntax.document import Document

Keys = Mapping[Kind, tuple[str, ...]]
"""Kind of map -> its keys."""

SAME_MISTAKE = 5
"""An unknown key in more places than this becomes one finding."""

MOST_PLACES = 2
"""Maximum places named where a key does belong."""

FEW_KEYS = 8
"""Maximum keys listed in a message; if there are more, it names the page that lists them."""

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
    siblings: Mapping[str, object]
    keys: Keys
    form: Form

    @property
    def kind(self) -> Kind:
        return self.form.kind_of(self.path[:-1])

    @property
    def key(self) -> str:
        return str(self.path[-1])

    @property
    def valid(self) -> tuple[str, ...]:
        return self.keys[self.kind]


def unknown_keys(
    document: Document, paths: Iterable[DocumentPath], *, keys: Keys, form: Form
) -> list[Diagnostic]:
    """One finding for each key; one for all places if the same key is wrong in many places."""
    groups: dict[tuple[str, str, str], list[Diagnostic]] = defaultdict(list)
    for path in sorted(paths, key=document.key_span):
        siblings = _map_at(document, path[:-1])
        stray = _Stray(path=path, siblings=siblings, keys=keys, form=form)
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
        message=f"unknown key {quoted(stray.key)} in {stray.form.place_of(stray.path[:-1])}",
        file=document.source.name,
        span=document.key_span(stray.path),
        label=f"not a key of {_what(stray.form, stray.kind)}",
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


def meant_keys(document: Document, path: DocumentPath, *, keys: Keys, form: Form) -> tuple[str, ...]:
    """The keys of the same map that an unknown key probably stands for; none if it is not known."""
    stray = _Stray(path=path, siblings=_map_at(document, path[:-1]), keys=keys, form=form)
    nearest = suggest(stray.key, stray.valid)
    if any(fold(stray.key) == fold(key) for key in stray.valid):
        return tuple(nearest)
    word = _foreign_word(stray)
    target = form.foreign_words[word].rpartition(".") if word is not None else ("", "", "")
    named = tuple(key for key in (target[0].partition(".")[0], target[2]) if key in stray.valid)
    return named or tuple(nearest)


def _what(form: Form, kind: Kind) -> str:
    if kind == "file":
        return "the file"
    return f"a {word_for(kind)}" if kind in form.named_maps.values() else f"`{form.key_of(kind)}`"


def _renamed(diagnostic: Diagnostic, key: str) -> tuple[Fix, ...]:
    return (Fix(title=f"replace with `{key}`", edits=(Edit(span=diagnostic.span, text=key),)),)


@cache
def _folded_words(form: Form) -> Mapping[str, str]:
    return {fold(word): word for word in form.foreign_words}


def _foreign_word(stray: _Stray) -> str | None:
    """The table's word for the key, if the key it stands for is valid at this place."""
    form = stray.form
    word = _folded_words(form).get(fold(stray.key))
    if word is None:
        return None
    if stray.kind == form.entry:
        return word
    target = form.foreign_words[word].rpartition(".")[2]
    is_of_an_entry = stray.kind == "file" and target in stray.keys[form.entry]
    return word if target in stray.valid or is_of_an_entry else None


def _foreign(diagnostic: Diagnostic, stray: _Stray, word: str) -> Diagnostic:
    form = stray.form
    target = form.foreign_words[word]
    key = target if stray.kind in ("file", form.entry) else target.rpartition(".")[2]
    first = key.partition(".")[0]
    message = f"{quoted(stray.key)} is a key of another tool, not of jobfile"
    notes = (_FOREIGN_NOTES[word],) if word in _FOREIGN_NOTES else ()
    advice: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    if first in stray.valid or (stray.kind == "file" and first in stray.keys[form.entry]):
        inside = f" in a {form.entry}" if first not in stray.valid else ""
        advice = (_FOREIGN_HELP.get(word, f"did you mean `{key}`{inside}?"),)
        is_certain = first in stray.valid and first not in stray.siblings and _fits(stray, word)
        fixes = _renamed(diagnostic, first) if is_certain else ()
    return replace(diagnostic, code="JF115", message=message, notes=notes, help=advice, fixes=fixes)


def _fits(stray: _Stray, word: str) -> bool:
    value = stray.siblings[stray.key]
    return word in _SAME_MEANING and type(value) is _SAME_MEANING[word]


def _elsewhere(stray: _Stray) -> str | None:
    """Where the key belongs: one level down or up."""
    form = stray.form
    parts = [part for (holder, _), part in form.maps.items() if holder == stray.kind]
    known = [part for part in dict.fromkeys(parts) if part not in ("param", "items")]
    down = [_under(form, kind) for kind in known if stray.key in stray.keys[kind]]
    if down:
        return f"{quoted(stray.key)} belongs {', or '.join(down[:MOST_PLACES])}"
    above = [kind for kind, _ in reversed(form.steps_to(stray.path[:-1])[:-1])]
    up = [kind for kind in above if stray.key in stray.keys[kind]]
    if up:
        own = form.key_of(above[above.index(up[0]) - 1] if up[0] != above[0] else stray.kind)
        level = "at the top of the file" if up[0] == "file" else f"one level up, beside `{own}`"
        return f"{quoted(stray.key)} belongs {level}"
    if stray.kind == "file" and _looks_like_an_entry(stray):
        return f"a {form.entry} belongs under `{form.entries}`"
    return None


def _under(form: Form, kind: Kind) -> str:
    key = form.key_of(kind)
    return f"in {_what(form, kind)}, under `{key}`" if kind in form.named_maps.values() else f"under `{key}`"


def _looks_like_an_entry(stray: _Stray) -> bool:
    value = stray.siblings[stray.key]
    return isinstance(value, dict) and any(key in value for key in stray.form.entry_keys)


def _listed(stray: _Stray) -> str:
    if stray.kind == "limits":
        return "valid here: `core`; set other limits in the script, such as  ulimit -n 1024"
    if len(stray.valid) > FEW_KEYS and stray.form.has_pages:
        return f"for the valid keys:  jobfile explain keys {stray.kind}"
    return f"valid here: {', '.join(f'`{key}`' for key in stray.valid)}"
