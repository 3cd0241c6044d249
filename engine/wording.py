"""The ledger's words for people: reasons, run ids and lengths of time."""

from engine.lifecycle import Run

SHORT_ID = 8
"""Characters of a run's id that people are shown; commands take any unique beginning."""

REASONS = {
    "overlap": "another run is in the way",
    "superseded": "a later one runs instead",
    "engine_down": "the engine was not running",
    "catchup_limit": "too long ago to be made up for",
    "buffer_full": "too many runs are waiting",
    "start_error": "it could not be started",
    "template_error": "a template could not be filled in",
    "working_dir_missing": "its folder does not exist",
    "job_removed": "the job was removed",
    "disabled": "the job was disabled",
    "replaced": "a newer run took its place",
    "by_hand": "somebody cancelled it",
    "timeout": "it ran longer than its timeout",
    "stopped": "it was stopped",
    "secret not available": "a secret is not there",
}
"""What the ledger's reasons mean, in words."""


def in_words(run: Run) -> str:
    """Why a run stands where it stands; the reason in words, with what is known beside it."""
    words = REASONS.get(run.reason, run.reason)
    if run.reason in ("overlap", "superseded", "replaced", "buffer_full") and run.detail:
        return f"{words} (run {short(run.detail)})"
    if (
        run.reason in ("start_error", "template_error", "working_dir_missing", "secret not available")
        and run.detail
    ):
        return run.detail
    return words


def short(run_id: str) -> str:
    """As much of a run's id as people need."""
    return run_id[:SHORT_ID]


def seconds_text(seconds: float) -> str:
    """A length of time as people say it: 15ms, 2.1s, 12s, 4m05s, 2h10m."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
