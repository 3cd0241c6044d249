"""`jobfile notify`: send a test message to a channel, or print the message about a run."""

import json
from datetime import timedelta
from typing import Final

import click

from engine.answers.digest import make_digest
from engine.answers.notify import message_to_text, tested_to_json, tested_to_text
from engine.asking.channels import channel_named, channels_of, send_test
from engine.asking.naming import subject
from engine.asking.place import Place, refuse_unsafe_files
from engine.asking.which import run_of
from engine.channels.events import event_to_json
from engine.channels.gathering import gather
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.output import print_json, print_text, style_of, width
from engine.cli.place import json_option, place_options, strict_option
from engine.core.lifecycle import Run
from engine.core.records import Owed
from engine.host.run_ids import new_run_id
from engine.ledger.ports import View
from engine.notifications.digests import DIGEST, last_digest
from engine.notifications.examples import NOT_EXECUTED, example_facts
from engine.notifications.message import EVENTS, Happening, Message, make_message
from engine.notifications.noting import LATE, ODD
from jobfile.model.canonical import spec_from_json

WITHOUT_SCHEDULE: Final = timedelta(days=1)
"""What the preview of a digest is about that was never due."""


@click.command("notify")
@click.argument("what", type=click.Choice(["test", "preview"]))
@click.argument("about", nargs=-1, metavar="CHANNEL or JOB EVENT")
@strict_option
@json_option
@place_options
def command(what: str, about: tuple[str, ...], *, is_strict: bool, as_json: bool, place: Place) -> int:
    """`notify test CHANNEL` sends a test message now. `notify preview JOB EVENT` prints a message.

    A test takes the channel from the job files, applied or not, and says whether the message was delivered. A
    preview sends nothing: it prints the message about RUN, or about the newest run of JOB, as the event would
    send it: failed, missed, late, recovered, succeeded, skipped, odd. With CHANNEL digest, it prints the
    report that the channel would get now.
    """
    if what == "test":
        if len(about) != 1:
            raise click.UsageError("name one channel:  jobfile notify test CHANNEL")
        return _test(place, about[0], is_strict=is_strict, as_json=as_json)
    if len(about) != 2:
        raise click.UsageError("name a job or run, and an event:  jobfile notify preview JOB failed")
    return _preview(place, *about, as_json=as_json)


def _test(place: Place, name: str, *, is_strict: bool, as_json: bool) -> int:
    """Send a message as the engine would, and wait for the result."""
    refuse_unsafe_files(place, is_strict=is_strict)
    tested = send_test(place, name)
    if as_json:
        print_json(tested_to_json(name, tested.error, seconds=tested.seconds))
    else:
        click.echo(tested_to_text(name, tested.error, seconds=tested.seconds))
    return NOT_WELL if tested.error else GOOD


def _preview(place: Place, about: str, event: str, *, as_json: bool) -> int:
    """Print the message about a run, or the report of a channel, that the event would send."""
    if event not in (*EVENTS, DIGEST):
        raise click.UsageError(f"`{event}` is not an event; the events are {', '.join((*EVENTS, DIGEST))}")
    if event == DIGEST:
        message = _digest_message(place, about)
    else:
        found = subject(place, about)
        message = _message(place, found.view, run_of(place, found), event)
    if as_json:
        print_json(event_to_json(message))
    else:
        style = style_of()
        print_text(message_to_text(message, width=width(), style=style), style)
    return GOOD


def _digest_message(place: Place, name: str) -> Message:
    """The report that a channel would get now, about the time since it was due last."""
    digest = channel_named(channels_of(place), name).digest
    if digest is None:
        raise click.UsageError(f'channel `{name}` has no `digest`; add  digest: {{schedule: "0 7 * * mon"}}')
    now = place.now()
    since = last_digest(digest, upto=now) or now - WITHOUT_SCHEDULE
    facts = make_digest(place.view(), digest, since=since, until=now, now=now)
    id = new_run_id()
    return make_message(id, [Happening(id=id, event=DIGEST, job="", at=now, facts=facts)])


_NEVER = {
    LATE: "job {job} is never late: it has no `expect` with a time",
    ODD: "no run of job {job} is odd: it has no `usual: true` in `expect`",
}


def _message(place: Place, view: View, run: Run, event: str) -> Message:
    text = view.definition_text(run.digest)
    spec = None if text is None else spec_from_json(text)
    now = run.ended_at or place.now()
    ends = view.recent_runs(job=run.job, state=None, limit=2)
    previous = next((one.state for one in ends if one.id != run.id and one.state.is_final), None)
    facts = example_facts(event, run, spec, previous=previous, now=now)
    if facts is None:
        raise click.UsageError(_NEVER[event].format(job=run.job))
    attempts = () if event in NOT_EXECUTED else view.attempts(run.id)
    owed = Owed(run.id, now, event, "", run.job, run.id, json.dumps(facts))
    happening = gather(owed, run=run, spec=spec, attempts=attempts, config=place.config, pieces=view.pieces)
    return make_message(owed.id, [happening])
