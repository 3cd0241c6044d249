"""Answers of `artifacts`: the files that a run kept."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from engine.core.artifacts import KeptArtifact, newest_of, total_bytes
from engine.core.columns import table
from engine.core.lifecycle import Run, RunState
from engine.core.vocabulary import place_text, short
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json
from jobfile.model.counts import many
from jobfile.model.dataclass import dataclass

HEADS: Final = ("file", "bytes", "sha-256", "attempt", "about")
DIGITS: Final = 12
"""Number of digits shown of a SHA-256."""
MAX_NAMED: Final = 5
"""Most files that are named in one line."""
DROPPED: Final = "its copy was deleted by retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunArtifacts:
    """The artifacts of a run that match a pattern, and whether its job asks for any."""

    run: Run
    artifacts: tuple[KeptArtifact, ...]
    is_declared: bool
    pattern: str = ""

    @property
    def copies(self) -> tuple[KeptArtifact, ...]:
        """The newest copy of each file, of those that are still there."""
        return newest_of([one for one in self.artifacts if one.has_copy])


def artifacts_of_run(view: View, run: Run, *, pattern: str = "") -> RunArtifacts:
    """The artifacts of a run; with a pattern, only files whose name matches it."""
    text = view.definition_text(run.digest)
    found = view.artifacts(run.id)
    if pattern:
        found = tuple(one for one in found if fnmatchcase(one.artifact.name, pattern))
    is_declared = text is None or bool(spec_from_json(text).artifacts)
    return RunArtifacts(run=run, artifacts=found, is_declared=is_declared, pattern=pattern)


def artifacts_to_text(found: RunArtifacts, *, width: int | None) -> str:
    """A line for each artifact, or why there are none."""
    if found.artifacts:
        return table(
            HEADS, [_cells(one) for one in found.artifacts], width=width, right=(1,), names=(0,), reason=4
        )
    about = f"run {short(found.run.id)} of {found.run.job}"
    if not found.is_declared:
        return f"{about} has no artifacts: its job names no files to keep"
    fitting = f" that match `{found.pattern}`" if found.pattern else ""
    if not found.run.state.is_final:
        return f"{about} has no artifacts{fitting} yet: files are copied when an attempt ends"
    if found.run.verdict is RunState.LOST:
        folder = f"runs/{found.run.id[:2]}/{found.run.id}"
        return (
            f"{about} is lost, so no files were copied; what it left may be in {folder} of the state folder"
        )
    return f"{about} left no artifacts{fitting}"


def _cells(one: KeptArtifact) -> tuple[str, ...]:
    artifact, key = one.artifact, one.attempt
    attempt = f"{place_text(key.step, key.item)} {key.number}" if key.step else str(key.number)
    size = f"{artifact.size:,}" if artifact.copy else ""
    return (artifact.name, size, artifact.sha256[:DIGITS], attempt, about_artifact(one))


def about_artifact(one: KeptArtifact) -> str:
    """The note about a file: that it is not kept and why, or what is wrong with its copy."""
    artifact = one.artifact
    if not artifact.copy:
        return f"not kept: {artifact.note}" if artifact.name else artifact.note
    return "; ".join(text for text in (artifact.note, DROPPED if one.dropped_at else "") if text)


def artifacts_line(found: Sequence[KeptArtifact]) -> str:
    """The artifacts of a run in one line: the first names, how large all are, how many are not kept."""
    kept = newest_of([one for one in found if one.artifact.copy])
    names = [one.artifact.name for one in kept[:MAX_NAMED]]
    more = len(kept) - len(names)
    parts = [", ".join(names) + (f" and {more} more" if more else "")] if kept else []
    if kept:
        gone = sum(not one.has_copy for one in kept)
        parts.append(
            f"{total_bytes(kept):,} bytes" if not gone else f"{gone} of the copies deleted by retention"
        )
    left = [one for one in found if not one.artifact.copy]
    if left:
        parts.append(f"{many(len(left), 'note')} about what is not kept")
    return "; ".join(parts)


def artifacts_to_json(found: RunArtifacts) -> dict[str, object]:
    """The answer as JSON data."""
    return {
        "format": 1,
        "run": found.run.id,
        "job": found.run.job,
        "artifacts": [artifact_to_json(one) for one in found.artifacts],
    }


def artifact_to_json(one: KeptArtifact) -> dict[str, object]:
    """One artifact as JSON data."""
    artifact = one.artifact
    return {
        "step": one.attempt.step or None,
        "item": one.attempt.item or None,
        "number": one.attempt.number,
        "name": artifact.name or None,
        "bytes": artifact.size if artifact.copy else None,
        "sha256": artifact.sha256 or None,
        "is_kept": one.has_copy,
        "note": artifact.note or None,
        "dropped_at": None if one.dropped_at is None else one.dropped_at.isoformat(),
    }
