"""Area: leftovers without an owner: folders, files, processes, and attempts that no engine manages."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from shlex import quote
from typing import Final

from engine.answers.fates import fate_of
from engine.answers.findings import Examined, Finding, limited
from engine.core.vocabulary import short
from engine.doctor.subject import Subject
from engine.execution.launcher_client import ProcessLauncher
from engine.execution.run_folders import Survey, run_names
from engine.host.home import has_evidence
from engine.host.keys import read_key
from engine.host.lock import is_engine_running
from engine.host.machine import RunProcess, process_of_run, processes_of_runs
from engine.ledger.ports import Current, View

FRESH_SECONDS: Final = 60.0
"""A partial file that is younger than this many seconds may still be being written."""


def examine_leftovers(subject: Subject, runs: Survey) -> Examined:
    """Find what engines and runs left behind. Nothing is changed."""
    findings = [*limited(_check_half_made(subject, runs))]
    looked_at = "files"
    if subject.view is not None:
        processes = tuple(processes_of_runs())
        findings += limited(_check_folders(subject, subject.view))
        findings += limited(_check_attempts(subject, subject.view))
        findings += limited(_check_processes(subject, subject.view, processes))
        looked_at = "folders, files, attempts, processes"
    return Examined(area="leftovers", looked_at=looked_at, findings=tuple(findings))


def _check_half_made(subject: Subject, runs: Survey) -> Iterator[Finding]:
    for path in (*subject.config.state_dir.glob("*.new"), *runs.half_made):
        try:
            age = subject.now.timestamp() - path.lstat().st_mtime
        except OSError:
            continue
        if age > FRESH_SECONDS:
            yield Finding(
                code="leftovers.new_file",
                found=f"{path} was left unfinished by a process that is gone",
                help=f"it is harmless: `rm {quote(str(path))}`",
                path=str(path),
            )


def _check_folders(subject: Subject, view: View) -> Iterator[Finding]:
    """Find folders without a run in the ledger.

    Folders are listed before the ledger is read: a row is created before its folder, so a new run cannot be
    missing.
    """
    names = tuple(run_names(subject.config.runs_dir))
    for name in list(_not_among(names, view.soundness.run_ids())):
        left = min(subject.config.run_dir(name).parent.glob(f"{name}*"), default=None)
        if left is None:
            continue
        yield Finding(
            code="leftovers.folder",
            found=f"{left} belongs to no run in the ledger",
            help=f"the engine deletes it after {subject.config.keep_days} days without a change in it",
            path=str(left),
        )


def _not_among(names: Iterable[str], known: Iterable[str]) -> Iterator[str]:
    """The names of one sorted list that another sorted list lacks."""
    rest = iter(known)
    other = next(rest, None)
    for name in names:
        while other is not None and other < name:
            other = next(rest, None)
        if other != name:
            yield name


def _check_attempts(subject: Subject, view: View) -> Iterator[Finding]:
    """Attempts without an end and without an engine that manages them, and what will happen to them."""
    if subject.is_running or not has_evidence(subject.config):
        return
    launcher = ProcessLauncher(None, key=read_key(subject.config.state_dir))
    for one in view.soundness.live_attempts():
        folder = subject.config.attempt_dir(one.attempt.key)
        evidence = launcher.evidence(folder, boot_id=one.attempt.boot_id)
        fate = fate_of(evidence, one.attempt)
        run = view.run(one.attempt.run_id)
        if fate and run is not None and not is_engine_running(subject.config.state_dir):
            yield Finding(
                code="leftovers.attempt",
                found=f"run {short(run.id)}, attempt {one.attempt.number}, has no recorded end: {fate}",
                help="`jobfile up` records what happened",
                job=run.job,
                run=run.id,
                path=str(folder),
            )


def _check_processes(subject: Subject, view: Current, processes: tuple[RunProcess, ...]) -> Iterator[Finding]:
    """Find processes of runs that are over.

    Each process is checked again after the ledger: its run may just have ended.
    """
    for one in processes:
        run = view.run(one.run_id)
        is_ours = Path(one.run_dir).is_relative_to(subject.config.runs_dir)
        is_over = is_ours if run is None else run.state.is_final
        if not is_over or process_of_run(one.pid) != one:
            continue
        about = "which is not in the ledger" if run is None else f"which is {run.state.value}"
        yield Finding(
            code="leftovers.process",
            found=f"process {one.pid} was started by run {short(one.run_id)}, {about}",
            help=f"`ps -fp {one.pid}` shows what it is, `kill {one.pid}` ends it",
            job="" if run is None else run.job,
            run=one.run_id,
        )
