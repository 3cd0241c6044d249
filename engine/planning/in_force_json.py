"""What an engine has in force as JSON data, for plans that are made on other machines; and back.

What a server sends is checked: a set of jobs that reads differently here has a different digest.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from engine.planning.in_force import ByHand, Paused, Standing
from engine.planning.sides import ENGINE
from jobfile import __version__
from jobfile.model.canonical import VERSION as CANONICAL
from jobfile.model.canonical import Plain, canonical_json, spec_from_json, to_plain
from jobfile.model.catalog import CompiledJob, build_catalog
from jobfile.model.jobs import Origin
from jobfile.plan import JobFacts, Side
from jobfile.schedule.cron import CRON_SEMANTICS_VERSION

FORMAT: Final = 1
_NONSENSE: Final = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    RecursionError,
    OverflowError,
)
"""The exceptions that invalid data raises while it is read."""


class OtherMeaningError(ValueError):
    """The data is from a version of jobfile that describes jobs differently."""


def side_to_json(side: Side, *, now: datetime) -> Plain:
    """The jobs that are in force; no secret, as jobs only name the places of secrets."""
    return {
        "format": FORMAT,
        "now": now.isoformat(),
        "jobfile": __version__,
        "canonical": CANONICAL,
        "cron_semantics": CRON_SEMANTICS_VERSION,
        "lineage": side.lineage,
        "generation": side.generation or 0,
        "applied_at": None if side.applied_at is None else side.applied_at.isoformat(),
        "revision": side.revision or None,
        "sha256": side.catalog.digest,
        "jobs": [
            {"file": one.origin.file, "line": one.origin.line, "spec": to_plain(one.spec)}
            for one in side.catalog.jobs
        ],
    }


def side_from_json(plain: Mapping[str, Any]) -> tuple[Side, datetime]:
    """The jobs in force, and the time there. Raises ValueError for data that is not about them."""
    try:
        is_same_form = (plain["canonical"], plain["cron_semantics"]) == (CANONICAL, CRON_SEMANTICS_VERSION)
        side = _side(plain) if is_same_form else None
        version, now = str(plain["jobfile"]), datetime.fromisoformat(plain["now"])
    except _NONSENSE as error:
        raise ValueError("these are not jobs in force") from error
    if side is None or side.catalog.digest != plain["sha256"]:
        raise OtherMeaningError(version)
    return side, now


def _side(plain: Mapping[str, Any]) -> Side:
    applied_at = plain["applied_at"]
    return Side(
        kind=ENGINE,
        catalog=build_catalog(
            CompiledJob(
                spec_from_json(canonical_json(one["spec"])),
                Origin(file=str(one["file"]), line=int(one["line"])),
            )
            for one in plain["jobs"]
        ),
        lineage=str(plain["lineage"]),
        generation=int(plain["generation"]),
        applied_at=None if applied_at is None else datetime.fromisoformat(applied_at),
        revision=str(plain["revision"] or ""),
    )


def facts_to_json(facts: Mapping[str, JobFacts], *, now: datetime) -> Plain:
    """What is known of jobs; lengths in seconds."""
    return {
        "format": FORMAT,
        "now": now.isoformat(),
        "jobs": {
            job: one._asdict() | {"longest": None if one.longest is None else one.longest.total_seconds()}
            for job, one in facts.items()
        },
    }


def facts_from_json(plain: Mapping[str, Any]) -> dict[str, JobFacts]:
    """What is known of jobs. Raises ValueError for data that is not that."""
    try:
        return {str(job): _facts(one) for job, one in plain["jobs"].items()}
    except _NONSENSE as error:
        raise ValueError("these are not facts about jobs") from error


def _facts(one: Mapping[str, Any]) -> JobFacts:
    longest = one["longest"]
    return JobFacts(
        running=int(one["running"]),
        waiting=int(one["waiting"]),
        retrying=int(one["retrying"]),
        longest=None if longest is None else timedelta(seconds=float(longest)),
        of=int(one["of"]),
        last_run=str(one["last_run"]),
        paused=str(one["paused"]),
    )


def standing_to_json(standing: Standing, *, now: datetime) -> Plain:
    """The state of an engine."""
    return {
        "format": FORMAT,
        "now": now.isoformat(),
        "paused": [one._asdict() for one in standing.paused],
        "by_hand": [one._asdict() | {"params": dict(one.params)} for one in standing.by_hand],
        "version": standing.version or None,
    }


def standing_from_json(plain: Mapping[str, Any]) -> Standing:
    """The state of an engine. Raises ValueError for data that is not that."""
    try:
        return Standing(
            paused=tuple(Paused(str(one["job"]), str(one["words"])) for one in plain["paused"]),
            by_hand=tuple(
                ByHand(
                    str(one["run"]), str(one["job"]), {name: _value(of) for name, of in one["params"].items()}
                )
                for one in plain["by_hand"]
            ),
            version=str(plain["version"] or ""),
        )
    except _NONSENSE as error:
        raise ValueError("this is not the state of an engine") from error


def _value(given: Any) -> Any:  # noqa: ANN401  JSON data
    """The value of a param: what is a list in JSON is a tuple."""
    return tuple(given) if isinstance(given, list) else given
