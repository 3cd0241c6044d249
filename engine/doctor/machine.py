"""Area: the machine: its limits, its libraries, and whether it is a container."""

from collections.abc import Iterator
from typing import Final

from engine.answers.findings import Examined, Finding
from engine.core.vocabulary import other_version
from engine.doctor.subject import Subject
from engine.ledger.ports import View
from jobfile import __version__
from jobfile.schedule.occurrences import TZDATA_VERSION

FILES_OF_ENGINE: Final = 64
"""Open files of an engine itself; each running attempt may need one more while it is checked."""

PROCESSES_OF_ATTEMPT: Final = 2
"""An attempt is a supervisor and at least one process of the job."""


def examine_machine(subject: Subject) -> Examined:
    """Check versions, and compare the system's limits with what the engine needs."""
    findings = (*_check_limits(subject), *(_check_versions(subject, subject.view) if subject.view else ()))
    looked_at = f"Python {subject.machine.python}, tzdata {TZDATA_VERSION}, jobfile {__version__}"
    return Examined(area="machine", looked_at=looked_at, findings=findings)


def _check_limits(subject: Subject) -> Iterator[Finding]:
    machine, most = subject.machine, subject.config.max_running
    if not machine.has_libyaml:
        yield Finding(
            code="machine.libyaml",
            found="PyYAML was built without libyaml: reading job files is about ten times slower",
            help="`pip install --force-reinstall --only-binary :all: pyyaml`",
        )
    if not machine.has_spawn:
        yield Finding(
            code="machine.spawn",
            found="jobfile was installed without its compiled part: jobs start more slowly",
            help="with a C compiler: `pip install --force-reinstall --no-binary jobfile jobfile`",
        )
    files = FILES_OF_ENGINE + most
    if machine.open_files is not None and machine.open_files < files:
        yield Finding(
            code="machine.files",
            found=f"open-file limit is {machine.open_files:,}; {most} concurrent attempts need {files:,}",
            help=f"`ulimit -n {files}` before `jobfile up`, or LimitNOFILE= in its unit",
        )
    processes = PROCESSES_OF_ATTEMPT * most
    if machine.processes is not None and machine.processes < processes:
        yield Finding(
            code="machine.processes",
            found=f"process limit is {machine.processes:,}; {most} concurrent attempts need {processes:,}",
            help=f"`ulimit -u {processes}` before `jobfile up`, or a smaller JOBFILE_MAX_RUNNING",
        )
    if machine.container:
        yield Finding(
            code="machine.container",
            found=f"this is a container ({machine.container}): its restart ends all running jobs",
            help="their runs are recorded as lost; with `idempotent: true` and `retry` a job is retried",
        )


def _check_versions(subject: Subject, view: View) -> Iterator[Finding]:
    session = view.last_session()
    if subject.is_running and session is not None and session.version != __version__:
        yield Finding(
            code="machine.version",
            found=other_version(session.version, __version__),
            help="start the engine again with this program: `jobfile up`",
        )
    applied = view.soundness.tzdata_versions()[:1]
    if applied and applied[0] != TZDATA_VERSION:
        yield Finding(
            code="machine.tzdata",
            found=f"the jobs in force were applied with tzdata {applied[0]}, but this is {TZDATA_VERSION}",
            help="`jobfile next` shows the times as they are now; what is recorded stays as it was",
        )
