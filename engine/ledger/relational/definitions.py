"""Reads compiled jobs from the ledger. A text that was altered after it was applied is refused."""

from engine.core.records import Definition, Unreadable
from engine.ledger.cells import is_job
from engine.ledger.rows import Row
from jobfile.model.canonical import digest as digest_of
from jobfile.model.canonical import spec_from_json
from jobfile.model.jobs import CommandAction, JobSpec

STAND_IN_NAME = "unreadable"


def read_definition(digest: str, row: Row | None) -> JobSpec | Unreadable:
    """The job that a row holds, if its text has this digest; otherwise why it is unreadable."""
    if row is None:
        return _unreadable(digest, "", "it is not in the ledger")
    job = row["job"] if is_job(row["job"]) else ""
    if not is_intact(digest, row["spec"]):
        return _altered(digest, job)
    try:
        return spec_from_json(row["spec"])
    except Exception as error:  # noqa: BLE001  a text of a different version must stop this job only
        return _unreadable(digest, job, f"{type(error).__name__}: {error}")


def intact_definition(row: Row) -> Definition | Unreadable:
    """The definition that a row holds, not parsed; or that its text was altered."""
    job = row["job"] if is_job(row["job"]) else ""
    if job and is_intact(row["digest"], row["spec"]):
        return Definition(job, row["digest"], row["spec"])
    return _altered(row["digest"], job)


def is_intact(digest: str, text: str) -> bool:
    """Whether a text is the one that was applied."""
    return digest_of(text) == digest


def stand_in(job: str) -> JobSpec:
    """The job in place of an unreadable one: the defaults, and a command that cannot succeed."""
    return JobSpec(name=job or STAND_IN_NAME, action=CommandAction(argv=("false",)))


def _altered(digest: str, job: str) -> Unreadable:
    return _unreadable(digest, job, "its text was altered after it was applied: it has a different digest")


def _unreadable(digest: str, job: str, why: str) -> Unreadable:
    return Unreadable("definition", f"digest = {digest!a}", why, job=job)
