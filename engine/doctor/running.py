"""Areas: the engine (in short; `jobfile status` shows more), and undelivered notifications."""

from collections.abc import Iterator

from engine.answers.findings import Examined, Finding
from engine.answers.starts import folder_words
from engine.answers.status import is_late
from engine.core.records import CLOCK_HOLD, SILENT
from engine.core.vocabulary import seconds_text
from engine.doctor.subject import Subject
from engine.ledger.ports import View
from jobfile.model.counts import many


def examine_engine(subject: Subject) -> Examined:
    """Check whether an engine runs and is alive, how the last one ended, and
    whether the files are rejected.
    """
    session = subject.view.last_session() if subject.view is not None else None
    looked_at = "running" if subject.is_running else "not running"
    if session is not None:
        looked_at += f", epoch {session.epoch}"
    findings = tuple(_check_engine(subject, subject.view)) if subject.view is not None else ()
    return Examined(area="engine", looked_at=looked_at, findings=findings)


def _check_engine(subject: Subject, view: View) -> Iterator[Finding]:
    session = view.last_session()
    status = "`jobfile status` shows more"
    if not subject.is_running and (session is None or session.ended_at is not None):
        found = "no engine is running"
        if session is not None and session.ended_at is not None:
            found = f"no engine has been running since {session.ended_at:%Y-%m-%dT%H:%M:%SZ}"
        yield Finding(
            code="engine.stopped",
            found=found,
            help=f"`jobfile up` starts it; {status}",
        )
    elif not subject.is_running and session is not None:
        yield Finding(
            code="engine.killed",
            found=f"the last engine was killed, some time after {session.last_seen_at:%Y-%m-%dT%H:%M:%SZ}",
            help=f"`jobfile up` takes over what it left; {status}",
        )
    elif session is not None and view.soundness.hold(CLOCK_HOLD) is None:
        silence = subject.now - session.last_seen_at
        if session.epoch == view.soundness.newest_epoch() and silence > SILENT:
            yield Finding(
                code="engine.silent",
                found=f"an engine runs; its last heartbeat was {seconds_text(silence.total_seconds())} ago",
                help=f"`kill {session.pid}` stops it cleanly, `jobfile up` starts it again; {status}",
            )
    rejection = view.open_rejection()
    if rejection is not None:
        first = f": {rejection.diagnostics[0]}" if rejection.diagnostics else ""
        yield Finding(
            code="engine.rejected",
            found=f"the job files have been refused since {rejection.rejected_at:%Y-%m-%dT%H:%M:%SZ}{first}",
            help="`jobfile check` shows every mistake in them",
        )
    yield from _check_folders(subject, view)


def _check_folders(subject: Subject, view: View) -> Iterator[Finding]:
    for one in view.watched() if subject.is_running else ():
        if one.trouble:
            yield Finding(
                code="engine.folder",
                found=f"files start nothing for {', '.join(one.jobs)}: {folder_words(one)}",
                help="make or mount this folder (`mkdir`, `mount`), or let the engine's user read it; "
                "`jobfile status` shows the problem until then",
                path=one.folder,
            )


def examine_notifications(subject: Subject) -> Examined:
    """Check for undelivered notifications."""
    if subject.view is None:
        return Examined(area="notifications", looked_at="there is no ledger to read", is_skipped=True)
    backlog = subject.view.soundness.backlog()
    looked_at = f"{backlog.owed:,} waiting" if backlog.owed else "none waiting"
    findings = tuple(_check_notifications(subject, subject.view))
    return Examined(area="notifications", looked_at=looked_at, findings=findings)


def _check_notifications(subject: Subject, view: View) -> Iterator[Finding]:
    backlog, given_up = view.soundness.backlog(), view.soundness.given_up()
    last = view.soundness.delivery_error()
    why = f"; channel {last.channel}: {last.error}" if last is not None else ""
    help_ = "`jobfile notify test CHANNEL` says whether a channel works"
    has_failed = last is not None or not subject.is_running
    if backlog.oldest is not None and is_late(backlog, subject.now, has_failed=has_failed):
        since = f"{backlog.oldest:%Y-%m-%dT%H:%M:%SZ}"
        are = many(backlog.owed, "notification is", "notifications are")
        yield Finding(
            code="notifications.owed",
            found=f"{are} waiting, the oldest since {since}{why}",
            help=help_ if subject.is_running else f"`jobfile up` sends them; {help_}",
        )
    if given_up.newest is not None:
        were = many(given_up.given_up, "notification was", "notifications were")
        newest = f"{given_up.newest:%Y-%m-%dT%H:%M:%SZ}"
        yield Finding(
            code="notifications.given_up",
            found=f"{were} given up after a day of tries, the last one at {newest}{why}",
            help=f"{help_}; `jobfile why RUN` shows which",
        )
