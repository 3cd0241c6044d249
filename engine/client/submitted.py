"""What a program gets for a request."""

from collections.abc import Mapping, Sequence
from typing import Any

from jobfile.model.dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """A request that is recorded: the engine starts its run, now or when it runs again."""

    id: str
    """The id of the run; of a job with a matrix, that of the first run."""
    job: str
    is_duplicate: bool
    """Whether an earlier request had the same key. Nothing was recorded, and `id` is the run of that one."""
    state: str
    """`queued`; `skipped` if the job's `on_overlap` does not let it run. Of a duplicate, the state that the
    earlier run has now; empty if its record was deleted.
    """
    reason: str
    """Why it has this state, as a word; empty if there is nothing to say."""
    runs: tuple[str, ...]
    """The ids of all runs; more than one with a matrix."""


def submitted_to_json(found: Sequence[Submitted], *, is_engine_running: bool) -> dict[str, object]:
    """What a server answers to submissions, as JSON data."""
    return {
        "format": 1,
        "engine_running": is_engine_running,
        "submitted": [
            {
                "id": one.id,
                "job": one.job,
                "duplicate": one.is_duplicate,
                "state": one.state,
                "reason": one.reason,
                "runs": list(one.runs),
            }
            for one in found
        ],
    }


def submitted_from_json(plain: Mapping[str, Any]) -> tuple[Submitted, ...]:
    """The same, from the answer of a server. Raises ValueError for anything else."""
    try:
        return tuple(
            Submitted(
                id=str(one["id"]),
                job=str(one["job"]),
                is_duplicate=bool(one["duplicate"]),
                state=str(one["state"]),
                reason=str(one["reason"]),
                runs=tuple(map(str, one["runs"])),
            )
            for one in plain["submitted"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError("not an answer to a submission") from error
