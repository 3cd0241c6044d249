"""Finds the subject of a command: a job by its name, or a run by the beginning of its id."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.answers.zones import zone_of_job
from engine.asking.place import Place, UnknownJobError
from engine.core.errors import ErrorCode, JobfileError, NothingRecordedError
from engine.core.lifecycle import Run
from engine.core.vocabulary import short
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple

MIN_PREFIX = 4
"""Minimum number of characters that identify a run."""

ID_DIGITS = 32
"""Number of characters of a whole run id."""

MAX_KNOWN = 12
"""Maximum number of jobs listed after an unknown name."""

_FAR = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


class UnknownRunError(JobfileError):
    """An id matches no run in the ledger, or several."""

    code = ErrorCode.UNKNOWN_RUN


class NeverAppliedError(NothingRecordedError):
    """A job is in the job file but not in the ledger."""


class Subject(NamedTuple):
    """A job and the zone of its times; `run` is set if it was named by a run's id."""

    view: View
    job: str
    zone: ZoneInfo
    run: Run | None

    @contextmanager
    def at_one_moment(self) -> Iterator["Subject"]:
        """The same with the run as it is now. What is read inside is of that moment, even while an engine
        writes: no run waits for itself because it began between two readings.
        """
        with self.view.soundness.snapshot():
            run = self.view.run(self.run.id) if self.run else None
            yield self._replace(run=run or self.run)


def subject(place: Place, text: str) -> Subject:
    """The job or the run with this name, and the ledger that knows it."""
    try:
        view = place.view()
    except NothingRecordedError:
        if text in _names_in_file(place):
            raise _never_applied(place, text) from None
        raise
    if is_known(view, text) and place.sees(text):
        return Subject(view, text, zone_of_job(view, text), None)
    if is_run_id(text) and any(place.sees(run.job) for run in view.runs_with_prefix(text.lower())):
        run = find_run(view, text, sees=place.sees)
        return Subject(view, run.job, zone_of_job(view, run.job), run)
    raise _unknown(place, view, text)


def job_named(place: Place, text: str) -> Subject:
    """The job with this name, for commands that do not take a run."""
    found = subject(place, text)
    if found.run is not None:
        raise UnknownJobError(f"`{text}` is run {short(found.run.id)} of job {found.job}; name the job")
    return found


def is_known(view: View, job: str) -> bool:
    """Whether the ledger has a job of this name."""
    return bool(view.job_in_force(job) or view.job_versions(job) or view.newest_run(job, until=_FAR))


def is_run_id(text: str) -> bool:
    """Whether a text could be the beginning of a run's id."""
    return MIN_PREFIX <= len(text) <= ID_DIGITS and all(one in "0123456789abcdef" for one in text.lower())


def find_run(view: View, given: str, *, sees: Callable[[str], bool] = lambda _: True) -> Run:
    """The run whose id begins with this text; `sees` says whether the runs of a job may be seen."""
    if not is_run_id(given):
        raise UnknownRunError(f"'{given}' is not a run; give at least {MIN_PREFIX} characters of its id")
    found = [run for run in view.runs_with_prefix(given.lower()) if sees(run.job)]
    if len(found) > 1:
        raise UnknownRunError(f"more than one run begins with {given}; give more of the id")
    if not found:
        raise UnknownRunError(f"no run begins with {given}; see  jobfile runs")
    return found[0]


def _unknown(place: Place, view: View, text: str) -> JobfileError:
    """The error for a name that is not in the ledger. For suggestions it reads the files."""
    in_file = _names_in_file(place)
    if text in in_file and place.sees(text):
        return _never_applied(place, text)
    names = {one for one in (*(version.job for version in view.jobs_in_force()), *in_file) if place.sees(one)}
    or_run = ", and no run id begins with it" if is_run_id(text) else ""
    return unknown_job(text, f"was ever applied or run here{or_run}", known=names)


def unknown_job(name: str, where: str, *, known: Iterable[str]) -> UnknownJobError:
    """The error for the name of a job that is not there: similar names, or else those that are known."""
    from jobfile.diagnostics.suggest import suggest  # noqa: PLC0415  start-up time: only after a mistake

    names = sorted(known)
    near = suggest(name, names)
    more = ", …" if len(names) > MAX_KNOWN else ""
    listed = f"known: {', '.join(names[:MAX_KNOWN]) or 'none'}{more}"
    hint = f"did you mean {' or '.join(near)}?" if near else listed
    return UnknownJobError(f"no job `{name}` {where}; {hint}")


def _never_applied(place: Place, job: str) -> NeverAppliedError:
    where = f" in {place.state_dir}" if place.options else ""
    return NeverAppliedError(f"job `{job}` is in {place.main_file}, but was never applied or run{where}")


def _names_in_file(place: Place) -> tuple[str, ...]:
    """The jobs in the files now; none when they have errors."""
    from engine.sources.folder import FolderTree  # noqa: PLC0415  start-up time: only after a mistake
    from jobfile.pipeline import compile_files  # noqa: PLC0415  start-up time: only after a mistake

    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        return ()
    files = compile_files(snapshot.files, outside=snapshot.outside).files
    return () if files is None else tuple(files.jobs)
