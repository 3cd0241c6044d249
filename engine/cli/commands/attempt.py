"""`jobfile attempt`: a host for one attempt of a run, as a cluster starts it."""

import click

from engine.asking.naming import ID_DIGITS
from engine.asking.place import Place, refuse_unsafe_files
from engine.cli.exit_codes import DID_NOT_RUN, GOOD, NOT_WELL, TRY_AGAIN
from engine.cli.following import EndingSignals
from engine.cli.output import style_of
from engine.cli.place import place_options, strict_option
from engine.cli.roles import offered
from engine.core.errors import WrongUsageError
from engine.core.lifecycle import AttemptKey, Outcome, StartError
from engine.core.vocabulary import reason_words
from engine.host.clock import SystemClock
from engine.host.console import Console
from engine.host.lock import make_state_dir
from engine.host.ownership import refuse_foreign_state
from engine.journal.file import LogFile
from engine.journal.shown import Form, Shown, lost_line
from engine.journal.stream import EventStream
from engine.service.attempt import End, Taken, execute_one, exit_code
from jobfile.model.regex import regex

STDOUT = 1
MAX_NUMBER = 1_000_000
_ID = regex(f"[0-9a-f]{{{ID_DIGITS}}}")


@click.command("attempt")
@click.argument("run", metavar="RUN")
@click.argument("number", metavar="NUMBER", type=click.IntRange(1, MAX_NUMBER))
@click.option("--step", metavar="STEP", default="", help="The step of the run [default: the job has none].")
@click.option(
    "--item",
    metavar="ITEM",
    type=click.IntRange(1, MAX_NUMBER),
    default=None,
    help="With --step: the number of the item of its `for_each` [default: it has none].",
)
@click.option(
    "--name", "host_name", default="", metavar="NAME", help="The name of this host [default: its hostname]."
)
@click.option(
    "--json", "form", flag_value="json", default="text", help="Print events as JSON, one object on each line."
)
@strict_option
@place_options
def command(
    run: str,
    number: int,
    step: str,
    *,
    item: int | None,
    host_name: str,
    form: Form,
    is_strict: bool,
    place: Place,
) -> int:
    """Execute one attempt that the leader has offered, report its end, and exit with its exit code.

    RUN is the whole id of a run. If a host has the attempt, or the attempt is over, nothing is done: so this
    command may be started twice. At SIGTERM the job is stopped, and its end is reported. A cluster starts
    this command for each attempt: see  jobfile export kubernetes.
    """
    if _ID.fullmatch(run) is None:
        raise WrongUsageError(f"RUN is the whole id of a run, {ID_DIGITS} digits; see  jobfile runs --json")
    if item is not None and not step:
        raise click.UsageError("--item is for a step; add --step")
    if not place.store:
        raise WrongUsageError("only hosts that share a ledger in PostgreSQL get attempts; add --store")
    refuse_foreign_state(place.state_dir)
    refuse_unsafe_files(place, is_strict=is_strict)
    make_state_dir(place.state_dir)
    clock, attempt = SystemClock(), AttemptKey(run, number, step, item or 0)
    console = Console(STDOUT, when_lost=lambda count: lost_line(count, clock.now(), form=form))
    log = LogFile(place.state_dir / "engine.log")
    journal = EventStream(log, Shown(console.write, form=form, style=style_of()), clock=clock)
    about = offered(host_name, (), 1, place.config, role="attempt", outputs=None)
    try:
        with EndingSignals().listening() as signals:
            end = execute_one(
                attempt,
                place.config,
                journal,
                clock,
                name=about.name,
                outputs=about.outputs,
                shall_stop=lambda: bool(signals.take()),
            )
    finally:
        console.close()
    return _told(attempt, end)


def _told(attempt: AttemptKey, end: End) -> int:
    """Say how the attempt ended; the exit code."""
    match end.taken:
        case Taken.ENDED:
            assert end.outcome is not None
            return _code(end.outcome)
        case Taken.ELSEWHERE:
            click.echo(f"nothing to do: {attempt.id} cannot be taken, {end.words}", err=True)
            return GOOD
        case Taken.LEFT:
            click.echo(f"error: {attempt.id} still waits for a host: {end.words}", err=True)
            return TRY_AGAIN
        case Taken.UNKNOWN:
            raise WrongUsageError(f"{attempt.id}: {end.words}")


def _code(outcome: Outcome) -> int:
    code = exit_code(outcome)
    if code is not None:
        return code
    words = reason_words(getattr(outcome, "reason", ""), getattr(outcome, "detail", ""))
    click.echo(f"error: {words or 'it has no exit code'}", err=True)
    return DID_NOT_RUN if isinstance(outcome, StartError) else NOT_WELL
