"""The fixed words of the ledger, each with its sentence: reasons of a run's state, and incidents."""

from enum import StrEnum
from typing import Self


class _Word(StrEnum):
    """A word of the ledger; `words` is its meaning in plain text."""

    words: str

    def __new__(cls, value: str, words: str) -> Self:
        """Make a member that equals its value, which the ledger and the JSON use too."""
        word = str.__new__(cls, value)
        word._value_ = value
        word.words = words
        return word


class Reason(_Word):
    """Why a run waits or did not succeed. Not members: `exit(2)`, `signal(9)`, `http(503)` and their like.

    NO_HOST is in no ledger: answers compute it.
    """

    OVERLAP = "overlap", "blocked by another run"
    SUPERSEDED = "superseded", "a later one runs instead"
    ENGINE_DOWN = "engine_down", "the engine was not running"
    ENGINE_UNABLE = (
        "engine_unable",
        "the engine was running but could not decide: its ledger was not writable, or the host slept",
    )
    ENGINE_DOWN_AND_UNABLE = (
        "engine_down_and_unable",
        "the engine was not running; then it ran but could not decide: its ledger was not writable, "
        "or the host slept",
    )
    CATCHUP_LIMIT = "catchup_limit", "too old to catch up"
    BUFFER_FULL = "buffer_full", "too many runs are waiting"
    AFTER = "after", "the run that it follows did not succeed"
    DUPLICATE = "duplicate", "another run has the same idempotency key"
    FILE_GONE = "file_gone", "its file was gone before it started"
    START_ERROR = "start_error", "it could not be started"
    TEMPLATE_ERROR = "template_error", "a template could not be filled in"
    WORKING_DIR_MISSING = "working_dir_missing", "its folder does not exist"
    JOB_REMOVED = "job_removed", "the job was removed"
    SCHEDULE_CHANGED = "schedule_changed", "its schedule was changed"
    DISABLED = "disabled", "the job was disabled"
    REPLACED = "replaced", "a newer run took its place"
    SPREAD = "spread", "its spread delay has not passed"
    CATCHUP_PACING = "catchup_pacing", "catch-up runs start at a limited rate"
    PAUSED = "paused", "the job is paused"
    START_DEADLINE = "start_deadline", "it could not start in time"
    CLOCK_JUMP = "clock_jump", "the clock was set forward past it"
    CLOCK_REWOUND = "clock_rewound", "the clock it followed was wrong"
    BY_HAND = "by_hand", "cancelled by hand"
    WITHDRAWN = "withdrawn", "the command that requested it ended before it started"
    DEADLINE = "deadline", "its deadline passed"
    TIMEOUT = "timeout", "it ran longer than its timeout"
    STOPPED = "stopped", "it was stopped"
    SECRET_NOT_AVAILABLE = "secret not available", "a secret is not available"
    NOTHING_TO_DO = "nothing_to_do", "it had nothing to do"
    ENV_FILE = "env_file", "a file of variables cannot be read"
    CONDITION = "condition", "its `if` is false"
    KEPT = "kept", "it had already succeeded in the retried run"
    UPSTREAM = "upstream", "a step that it needs did not succeed"
    OUTPUTS = "outputs", "its outputs are not as declared"
    EXPECTATION = "expectation", "it did not leave what is expected"
    CONNECT = "connect", "the server could not be reached"
    CERTIFICATE = "certificate", "the certificate of the server is not trusted"
    ADDRESS = "address", "no request may go to that address"
    SILENT = "silent", "the server stopped answering"
    RESPONSE = "response", "no complete response came"
    CONTAINS = "contains", "the response does not contain the expected text"
    FOLDER_LIMIT = "folder_limit", "its folder exceeded its size limit"
    OOM = "oom", "the system was out of memory"
    SUPERVISOR_KILLED = "supervisor_killed", "its supervisor was killed"
    HOST_REBOOT = "host_reboot", "the host was restarted"
    HOST_CUT_OFF = "host_cut_off", "its host could not reach the ledger in time, so it was killed there"
    CONTAINER_RESTART = "container_restart", "its container was restarted"
    EVIDENCE_GONE = "evidence_gone", "its evidence was deleted"
    EVIDENCE_FORGED = "evidence_forged", "its evidence does not come from its supervisor"
    HOST_SILENT = "host_silent", "its host had no heartbeat for longer than its lease"
    NOT_TAKEN = "not_taken", "no host had taken it"
    NO_HOST = "no_host", "it waits for a host"
    RESTORED = "restored", "an older ledger was restored"
    SUPERVISOR_ERROR = "supervisor_error", "its supervisor failed"
    UNREADABLE = "unreadable", "its row in the ledger cannot be read"


class IncidentKind(_Word):
    """What happens to the engine as a whole. While a hold lasts, nothing starts."""

    CLOCK_JUMP = "clock_jump", "the clock was set"
    CLOCK_HOLD = "clock_hold", "the clock is not believed"
    DISK_HOLD = "disk_hold", "disk space is low"
    RESTORED_HOLD = "restored_hold", "the ledger is an older copy that has not been accepted"
    AWAY = "away", "due runs were not accounted for"


REASONS = {reason.value: reason.words for reason in Reason}
"""The sentence of each reason, by its value in the ledger."""
OF_A_REQUEST = frozenset(
    {
        *(Reason.CONNECT, Reason.CERTIFICATE, Reason.ADDRESS),
        *(Reason.SILENT, Reason.RESPONSE, Reason.CONTAINS),
    }
)
"""How a request can fail, besides `http(503)` and its like, and `outputs`."""
