"""`jobfile retry`: run a job's run again."""

from datetime import datetime

import click

from engine.answers.as_json import run_to_json
from engine.cli.asking import hand_over, new_run
from engine.cli.exit_codes import GOOD
from engine.cli.following import attend
from engine.cli.naming import find_run
from engine.cli.output import print_json
from engine.cli.place import Place, json_option, place_options
from engine.core.errors import JobfileError, UnreadableDefinitionError
from engine.core.lifecycle import Run, RunState
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import Origin

_NOT_TRIED_AGAIN = (RunState.SUCCEEDED,)


@click.command("retry")
@click.argument("run")
@click.option("--detach", is_flag=True, help="Print the new run's id and exit.")
@click.option("--force", is_flag=True, help="Retry even if it succeeded.")
@json_option
@place_options
def command(run: str, *, detach: bool, force: bool, as_json: bool, place: Place) -> int:
    """Retry RUN: a new run of the same job for the same time with the same params.

    It uses the job's definition in force now, or the old one if the job is gone. The old run's record stays.
    """
    view, now = place.view(), place.now()
    old = find_run(view, run)
    if not old.state.is_final:
        raise JobfileError(f"run {old.id[:8]} is not over: {old.state.value}")
    if old.state in _NOT_TRIED_AGAIN and not force:
        raise JobfileError(f"run {old.id[:8]} succeeded; to retry it anyway: --force")
    job = _job_of(view, old)
    new = _again(view, old, job, now=now)
    if not detach:
        return attend(place, new, job, as_json=as_json)
    recorded = hand_over(place, new, job, now=now)
    if as_json:
        print_json(run_to_json(recorded))
    else:
        click.echo(recorded.id)
    return GOOD


def _job_of(view: View, old: Run) -> CompiledJob:
    version = view.job_in_force(old.job)
    digest = version.digest if version else old.digest
    text = view.definition_text(digest)
    if text is None:
        raise UnreadableDefinitionError(old.job)
    origin = Origin(file=version.file, line=version.line) if version else Origin(file="", line=0)
    return CompiledJob(spec_from_json(text), origin)


def _again(view: View, old: Run, job: CompiledJob, *, now: datetime) -> Run:
    generation = view.current_generation()
    return new_run(
        job.spec,
        digest=job.digest,
        generation=generation.number if generation else None,
        params=old.params,
        at=old.scheduled_for,
        now=now,
        retry_of=old.id,
    )
