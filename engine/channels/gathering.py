"""Collects what is known now about the cause of a notification."""

import json
from collections.abc import Sequence

from engine.config import EngineConfig
from engine.core.lifecycle import Attempt, AttemptState, Run
from engine.core.records import Owed
from engine.execution.attempt_output import output_of
from engine.execution.output_text import tail_of
from engine.notifications.digests import DIGEST
from engine.notifications.message import TAIL_LINES, Happening
from engine.ports import Pieces
from jobfile.model.jobs import JobSpec

PAGE_VARIABLE = "JOBFILE_PAGE_URL"
"""The variable with the address of a page about runs, if there is one: the run's id is added to it."""


def gather(
    owed: Owed,
    *,
    run: Run | None,
    spec: JobSpec | None,
    attempts: Sequence[Attempt],
    config: EngineConfig,
    pieces: Pieces | None,
) -> Happening:
    """A notification with the last lines of the output, as they are stored: secrets are masked."""
    facts = json.loads(owed.facts)
    shown = shown_attempt(attempts)
    page = config.environ.get(PAGE_VARIABLE, "").rstrip("/")
    return Happening(
        id=owed.id,
        event=owed.event,
        job="" if owed.event == DIGEST else owed.job,
        at=owed.at,
        facts=facts if isinstance(facts, dict) else {},
        spec=spec,
        run=run,
        attempts=tuple(attempts),
        tail=() if shown is None else tail_of(output_of(config, shown.key, pieces), count=TAIL_LINES),
        page=f"{page}/{run.id}" if page and run is not None else "",
    )


def shown_attempt(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt whose output matters most: of several steps, one that did not succeed, or the last."""
    if not attempts or not attempts[0].step:
        return attempts[-1] if attempts else None
    newest = {(one.step, one.item): one for one in attempts}.values()
    bad = [one for one in newest if one.ended_at is not None and one.state is not AttemptState.SUCCEEDED]
    return max(bad or attempts, key=lambda one: one.created_at)
