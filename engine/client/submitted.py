"""What a program gets for a request."""

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
