"""Matches the jobs of two sides: by name, by `renamed_from`, or by similarity."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

from jobfile.model.canonical import canonical_json, to_plain
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple

ALIKE: Final = 0.7
"""From this share of equal fields on, a removed and an added job look like a rename."""
MOST_COMPARED: Final = 50
"""Maximum removed jobs, and maximum added jobs, that are compared with each other."""

_WEIGHTS: Final = {"action": 5, "schedule": 2}
_NOT_MEANT: Final = frozenset({"name", "renamed_from"})


class Pairs(NamedTuple):
    """The matched jobs of two sides; `guessed` maps added jobs to removed ones."""

    both: tuple[tuple[CompiledJob, CompiledJob], ...]
    renamed: tuple[tuple[CompiledJob, CompiledJob], ...]
    removed: tuple[CompiledJob, ...]
    added: tuple[CompiledJob, ...]
    guessed: Mapping[str, str]


def pair_jobs(before: Catalog, after: Catalog) -> Pairs:
    """Every job of both sides in exactly one place."""
    old = {one.spec.name: one for one in before.jobs}
    new = {one.spec.name: one for one in after.jobs}
    sources = renamed_names(
        {one.spec.name: one.spec.renamed_from for one in before.jobs},
        {one.spec.name: one.spec.renamed_from for one in after.jobs},
    )
    removed = tuple(one for name, one in old.items() if name not in new and name not in sources)
    targets = set(sources.values())
    added = tuple(one for name, one in new.items() if name not in old and name not in targets)
    return Pairs(
        both=tuple((one, new[name]) for name, one in old.items() if name in new),
        renamed=tuple((old[source], new[target]) for source, target in sources.items()),
        removed=removed,
        added=added,
        guessed=_guess(removed, added),
    )


def renamed_names(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> dict[str, str]:
    """The new name of each job that is certainly renamed; both sides map names to `renamed_from`.

    It is read in both directions: reverting a rename also means the same job. So do two names with the same
    former name, of which one is gone and one is new.
    """
    found: dict[str, str] = {}
    for name, source in after.items():
        if source is not None and source in before and source not in after and name not in before:
            found.setdefault(source, name)
    gone = {source: name for name, source in before.items() if source is not None and name not in after}
    for name, source in after.items():
        if source in gone and source not in after and name not in before and gone[source] not in found:
            found.setdefault(gone[source], name)
    for name, target in before.items():
        is_free = target in after and target not in before and target not in found.values()
        if is_free and target is not None and name not in after and name not in found:
            found[name] = target
    return found


def _guess(removed: Sequence[CompiledJob], added: Sequence[CompiledJob]) -> dict[str, str]:
    """Similar pairs, the most similar first; each job is in at most one pair."""
    found = []
    for one in removed[:MOST_COMPARED]:
        for other in added[:MOST_COMPARED]:
            likeness = 1.0 if one.spec.action == other.spec.action else _likeness(one.spec, other.spec)
            if likeness >= ALIKE:
                found.append((-likeness, one.spec.name, other.spec.name))
    guessed: dict[str, str] = {}
    for _, gone, come in sorted(found):
        if gone not in guessed.values() and come not in guessed:
            guessed[come] = gone
    return guessed


def _likeness(one: JobSpec, other: JobSpec) -> float:
    """The weighted share of equal fields: the action counts 5, the schedule 2, any other field 1.

    A field that neither job uses does not count.
    """
    alike = whole = 0
    first, second = to_plain(one), to_plain(other)
    for field in fields(JobSpec):
        name = field.name
        if name in _NOT_MEANT or (name not in first and name not in second):
            continue
        weight = _WEIGHTS.get(name, 1)
        whole += weight
        alike += weight * (canonical_json(first.get(name)) == canonical_json(second.get(name)))
    return alike / whole
