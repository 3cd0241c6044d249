"""Finds keys that are unknown at their place, and suggests what was meant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from jobfile.diagnostics.diagnostic import Diagnostic, DocumentPath, Edit, Fix
from jobfile.diagnostics.source import Span
from jobfile.diagnostics.suggest import did_you_mean, fold, suggest
from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex
from jobfile.schema.forms import Form, Kind, quoted, word_for
from jobfile.syntax.document import Document

if TYPE_CHECKING:
    from jobfile.schema.foreign_advice import Advice

Keys = Mapping[Kind, tuple[str, ...]]
"""Kind of map -> its keys."""

SAME_MISTAKE = 5
"""An unknown key in more places than this becomes one finding."""

MOST_PLACES = 2
"""Maximum places named where a key does belong."""

FEW_KEYS = 8
"""Maximum keys listed in a message; if there are more, it names the page that lists them."""


_QUOTED_KEY = regex(r"`([a-z_]+)[`:.]")
"""A key as a help text quotes it."""
_SETTING = regex(r"write `(([a-z_]+): [^`]+)`(?:, or leave it out.*)?")
"""A help that gives one setting, with its value."""
_PLACEHOLDER = regex(r"\b[A-Z]{3,}\b")
"""A word in a help that the reader replaces."""
_NOT_THE_SAME = frozenset({"runs-on"})
"""Keys of other tools that differ from ours only in `-`, but whose values mean something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stray:
    """An unknown key, the map that contains it, and the keys that are valid there."""

    path: DocumentPath
    siblings: Mapping[str, object]
    keys: Keys
    form: Form
    kind: Kind
    """The kind of this map."""

    @property
    def key(self) -> str:
        return str(self.path[-1])

    @property
    def valid(self) -> tuple[str, ...]:
        return self.keys[self.kind]

    @property
    def is_valid_folded(self) -> bool:
        """Whether only case, `-` or `_` make it differ from a valid key."""
        folded = fold(self.key)
        return any(folded == fold(key) for key in self.valid)


def _stray(document: Document, path: DocumentPath, *, keys: Keys, form: Form) -> _Stray:
    siblings, kind = _map_at(document, path[:-1]), form.kind_of(path[:-1])
    return _Stray(path=path, siblings=siblings, keys=keys, form=form, kind=kind)


def unknown_keys(
    document: Document, paths: Iterable[DocumentPath], *, keys: Keys, form: Form
) -> list[Diagnostic]:
    """One finding for each key; one for all places if the same key is wrong in many places."""
    groups: dict[tuple[str, str, str], list[Diagnostic]] = defaultdict(list)
    advised: set[tuple[DocumentPath, tuple[str, ...]]] = set()
    for path in sorted(paths, key=document.key_span):
        stray = _stray(document, path, keys=keys, form=form)
        advice = _advice(stray)
        if advice is not None and advice.is_for_all:
            if (path[:-1], advice.help) in advised:
                continue
            advised.add((path[:-1], advice.help))
        diagnostic = _explain(document, stray, advice)
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


def _explain(document: Document, stray: _Stray, advice: "Advice | None") -> Diagnostic:
    diagnostic = Diagnostic(
        code="JF101",
        message=f"unknown key {quoted(stray.key)} in {stray.form.place_of(stray.path[:-1])}",
        file=document.source.name,
        span=document.key_span(stray.path),
        label=f"not a key of {_what(stray.form, stray.kind)}",
        path=stray.path,
    )
    if advice is not None:
        return _foreign(document, diagnostic, stray, advice)
    nearest = suggest(stray.key, stray.valid)
    if nearest:
        is_certain = len(nearest) == 1 and nearest[0] not in stray.siblings
        fixes = _renamed(diagnostic, nearest[0]) if is_certain else ()
        return replace(diagnostic, help=(did_you_mean(nearest),), fixes=fixes)
    return replace(diagnostic, help=(_elsewhere(stray) or _listed(stray),))


def meant_keys(document: Document, path: DocumentPath, *, keys: Keys, form: Form) -> tuple[str, ...]:
    """The keys of the same map that an unknown key probably stands for; none if it is not known."""
    stray = _stray(document, path, keys=keys, form=form)
    nearest = suggest(stray.key, stray.valid)
    if stray.is_valid_folded:
        return tuple(nearest)
    advice = _advice(stray)
    suggested = () if advice is None else (advice.rename, *_QUOTED_KEY.findall(" ".join(advice.help)))
    named = tuple(dict.fromkeys(key for key in suggested if key in stray.valid))
    return named or tuple(nearest)


def _what(form: Form, kind: Kind) -> str:
    if kind == "file":
        return "the file"
    return f"a {word_for(kind)}" if kind in form.named_maps.values() else f"`{form.key_of(kind)}`"


def _renamed(diagnostic: Diagnostic, key: str) -> tuple[Fix, ...]:
    return (Fix(title=f"replace with `{key}`", edits=(Edit(span=diagnostic.span, text=key),)),)


def _advice(stray: _Stray) -> "Advice | None":
    """What to write instead of a key of another tool."""
    if not stray.form.knows_other_tools or (stray.is_valid_folded and stray.key not in _NOT_THE_SAME):
        return None
    if stray.kind == "file" and _looks_like_an_entry(stray):
        return None
    from jobfile.schema.foreign_advice import Word  # noqa: PLC0415  start-up time: only after an error
    from jobfile.schema.foreign_words import advice_for  # noqa: PLC0415  start-up time: only after an error

    value = stray.siblings[stray.key]
    entry = str(stray.path[1]) if len(stray.path) > 2 else "JOB"
    return advice_for(stray.kind, Word(stray.key, value, stray.siblings, entry))


def _foreign(document: Document, diagnostic: Diagnostic, stray: _Stray, advice: "Advice") -> Diagnostic:
    is_free = advice.rename in stray.valid and advice.rename not in stray.siblings
    fixes = _renamed(diagnostic, advice.rename) if is_free else _rewritten(document, stray, advice)
    found = replace(diagnostic, notes=advice.notes, help=advice.help, fixes=fixes)
    is_ours = any(stray.key in keys for keys in stray.keys.values())
    if is_ours and not advice.rename:  # a key of jobfile too, in another place, with another meaning
        return found
    message = f"{quoted(stray.key)} is a key of another tool, not of jobfile"
    return replace(found, code="JF115", message=message)


def _rewritten(document: Document, stray: _Stray, advice: "Advice") -> tuple[Fix, ...]:
    """The key and its value replaced by the one setting that the help gives; only on one line."""
    found = _SETTING.fullmatch(advice.help[0]) if len(advice.help) == 1 else None
    if found is None or found[2] not in stray.valid or found[2] in stray.siblings:
        return ()
    span = Span(document.key_span(stray.path).start, document.span(stray.path).end)
    if span.start.line != span.end.line or _PLACEHOLDER.search(found[1]):
        return ()
    edit = Edit(span=span, text=found[1])
    return (Fix(title=f"replace with `{found[1]}`", edits=(edit,), safe=False),)


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
    if len(stray.valid) > FEW_KEYS and stray.form.has_pages:
        return f"for the valid keys:  jobfile explain keys {stray.kind}"
    return f"valid here: {', '.join(f'`{key}`' for key in stray.valid)}"
