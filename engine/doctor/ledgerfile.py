"""Area: the ledger's file: whether it is intact, of this version, and on a suitable disk."""

from collections.abc import Iterator
from shlex import quote

from engine.answers.findings import Examined, Finding, limited
from engine.core.audit_chain import follow
from engine.core.errors import JobfileError
from engine.core.records import RESTORED_HOLD, Examination, Unreadable
from engine.doctor.rights import unreadable_place
from engine.doctor.subject import Subject, size_text
from engine.host.lock import NETWORK_FILE_SYSTEMS
from engine.ledger.opening import examine_ledger, open_view
from engine.ledger.ports import EngineHistory, View
from jobfile.model.counts import many
from jobfile.model.namedtuple import NamedTuple


class Opened(NamedTuple):
    """The result for the area, and the ledger, or None if it cannot be read."""

    examined: Examined
    view: View | None


def open_ledger(subject: Subject) -> Opened:
    """Check the file, and open it for the other areas."""
    try:
        return _open_ledger(subject)
    except OSError as error:
        findings = (unreadable_place(subject, error),)
        return Opened(Examined(area="ledger", looked_at="not readable", findings=findings), None)


def _open_ledger(subject: Subject) -> Opened:
    path, name = subject.config.ledger, subject.config.ledger_name
    is_file = not subject.config.store
    if is_file and not path.exists():
        return _none_yet(subject)
    try:
        found = examine_ledger(subject.config.ledger_url)
        if not is_file and not found.version:
            return _none_yet(subject)
        is_read = found.version == found.known_version and not found.damage
        view = open_view(subject.config.ledger_url) if is_read else None
    except JobfileError as error:
        return Opened(Examined(area="ledger", looked_at=name, findings=(unreadable(subject, error),)), None)
    rows = (*_check_hold(view), *_check_audit(view), *limited(check_rows(subject, view))) if view else ()
    findings = (*limited(check_file(subject, found)), *rows)
    which = size_text(path.stat().st_size) if is_file else name
    looked_at = f"{which}, tables of version {found.version}"
    return Opened(Examined(area="ledger", looked_at=looked_at, findings=tuple(findings)), view)


def _none_yet(subject: Subject) -> Opened:
    name = subject.config.ledger_name
    none = Finding(
        code="ledger.none",
        found=f"nothing is recorded yet in {name if subject.config.store else subject.config.state_dir}",
        help="`jobfile up` creates one",
        path=name,
    )
    return Opened(Examined(area="ledger", looked_at="none yet", findings=(none,)), None)


def check_rows(subject: Subject, view: View) -> Iterator[Finding]:
    """Read every row of every table as the engine does."""
    path = subject.config.ledger_name
    program = "psql" if subject.config.store else f"sqlite3 {quote(path)}"
    for one in view.soundness.unreadable_rows():
        yield Finding(
            code="ledger.row",
            found=one.words,
            help=_advice(one, program),
            path=path,
            job=one.job,
            run=one.run,
        )


def _advice(one: Unreadable, program: str) -> str:
    """What to do about an unreadable row; the engine never changes it."""
    look = quote(f"select * from {one.table} where {one.key}")  # noqa: S608  shown, never executed
    where = f"`{program} {look}` shows it"
    if one.table == "definition":
        return f"{where}; any change to the job in its file puts a new one in force"
    return f"{where}; everything else continues. Stop the engine, and correct the row or restore a copy"


def unreadable(subject: Subject, error: Exception) -> Finding:
    """The finding that the ledger, or a row of it, cannot be read."""
    said = str(error) if isinstance(error, JobfileError) else f"a row cannot be read ({error})"
    path = subject.config.ledger_name
    return Finding(code="ledger.unreadable", found=said, help=_restoring(subject), path=path)


def _restoring(subject: Subject) -> str:
    if subject.config.store:
        return "look at the server and the URL; if the ledger is damaged, stop the engine and restore a copy"
    folder = subject.config.state_dir
    away = f"`mv {quote(str(folder))} {quote(str(folder.with_name(f'{folder.name}.old')))}`"
    return f"stop the engine and restore a copy, or start from scratch: {away}"


def check_file(subject: Subject, found: Examination) -> Iterator[Finding]:
    """Findings about the file or the server, the version of the tables, and the disk."""
    path = subject.config.ledger_name
    for one in found.settings:
        yield Finding(
            code="ledger.settings",
            found=one,
            help="change it in `postgresql.conf`, or use a different server: docs/scale.md",
            path=path,
        )
    for one in found.damage:
        said = f"the file is damaged: {' '.join(one.split())}"
        yield Finding(code="ledger.integrity", found=said, help=_restoring(subject), path=path)
    for one in found.foreign:
        yield Finding(
            code="ledger.foreign",
            found=f"it was altered: {one}",
            help=f"drop what does not belong to it with sqlite3, or {_restoring(subject)}",
            path=path,
        )
    for one in found.broken_references:
        yield Finding(code="ledger.references", found=one, help=_restoring(subject), path=path)
    about = (
        f"its tables are of version {found.version}, but this program writes version {found.known_version}"
    )
    if found.version < found.known_version:
        yield Finding(
            code="ledger.older",
            found=f"{about}; nothing else in it was checked",
            help="`jobfile up` brings it up to date",
            path=path,
        )
    if found.version > found.known_version:
        yield Finding(
            code="ledger.newer",
            found=f"{about}; nothing else in it was checked",
            help="upgrade this program:  `pip install --upgrade jobfile`",
            path=path,
        )
    if found.journal_mode != "wal":
        yield Finding(
            code="ledger.journal",
            found=f"its journal is `{found.journal_mode}`, but `wal` was expected: readers and the engine "
            "block each other",
            help="start the engine again, which sets it: `jobfile up`",
            path=path,
        )
    if subject.file_system in NETWORK_FILE_SYSTEMS and not subject.config.store:
        yield Finding(
            code="ledger.network",
            found=f"it is on a network file system ({subject.file_system}), where locks cannot be trusted",
            help=f"move {quote(str(subject.config.state_dir))} to a local disk and name it with `--state`",
            path=path,
        )


def _check_hold(view: View) -> Iterator[Finding]:
    hold = view.soundness.hold(RESTORED_HOLD)
    if hold is not None:
        yield Finding(
            code="ledger.restored",
            found=f"it is an older copy that has not been accepted, so nothing starts: {hold.detail}",
            help="put the newer ledger back, or continue from the copy with `jobfile up --accept-rewind`",
        )


def _check_audit(view: EngineHistory) -> Iterator[Finding]:
    chain = follow(view.audit_links())
    if chain.broken_at is not None:
        yield Finding(
            code="ledger.audit",
            found=f"the audit is broken: record {chain.broken_at} {chain.why}",
            help="`jobfile audit` shows the records; compare them with a copy of the ledger from before",
        )


def summed_up(view: View) -> str:
    """The contents of the ledger, in words."""
    tally = view.soundness.tally()
    return (
        f"{many(tally.runs, 'run')}, {many(tally.attempts, 'attempt')}, "
        f"{many(tally.schedules, 'schedule')}, {many(tally.gaps, 'gap record')}"
    )
