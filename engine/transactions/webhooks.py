"""Receives a call of a webhook: whether it is genuine, which run it starts, or which one it has started."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from engine.core.events import Event
from engine.core.lifecycle import TriggerEvent
from engine.core.webhooks import (
    MAX_BODY_BYTES,
    NOT_GENUINE,
    Call,
    Refused,
    event_of,
    params_of,
    secret_trouble,
    verified_id,
)
from engine.ledger.store_ports import Requesting
from engine.transactions.account import Moment
from engine.transactions.trigger_events import record_event
from jobfile.model.jobs import JobSpec, WebhookTrigger


class Reply(NamedTuple):
    """The answer to a call: 202 for a new run, 200 for one that a call has started before."""

    status: int
    body: Mapping[str, object]
    events: tuple[Event, ...] = ()
    trouble: str = ""
    """What is wrong on our side; it is not told to the caller."""


def receive(
    store: Requesting,
    path: str,
    call: Call,
    *,
    secret_of: Callable[[JobSpec, str], str | None],
    moment: Moment,
) -> Reply:
    """Answer a call, inside the caller's transaction: it is known and its run recorded together.

    `secret_of` reads a secret of a job by its name; None if it is not available.
    """
    if len(call.body) > MAX_BODY_BYTES:
        return _refusal(Refused(413, f"the body has more than {MAX_BODY_BYTES:,} bytes"))
    found = _find(store, path)
    spec, hook = found if found is not None else (None, None)
    secret, trouble = None, ""
    if spec is not None and hook is not None and hook.secret is not None:
        secret = secret_of(spec, hook.secret)
        trouble = f"secret {hook.secret} is not available" if secret is None else secret_trouble(secret)
    is_public = hook is not None and hook.secret is None
    id = verified_id(call, None if trouble else secret, now=moment.now)
    if is_public:
        id = call.headers.get("webhook-id", "")[:256]
    if spec is None or isinstance(id, Refused):
        return _refusal(NOT_GENUINE, trouble and f"webhook {path}: {trouble}")
    params = params_of(call, spec)
    if isinstance(params, Refused):
        return _refusal(params)
    event = event_of(spec.name, id or moment.new_id(), params, now=moment.now)
    if store.trigger_events.run_of(event):
        return _known(store, event, ())
    made: list[str] = []

    def new_id() -> str:
        made.append(moment.new_id())
        return made[-1]

    events = tuple(record_event(store, event, replace(moment, new_id=new_id)))
    return _known(store, event, made, events)


def _known(
    store: Requesting, event: TriggerEvent, made: Sequence[str], events: tuple[Event, ...] = ()
) -> Reply:
    """The answer about the run that a call has led to: 202 if it was made now, else 200."""
    run = store.run(store.trigger_events.run_of(event))
    if run is None:  # the job went out of force, or retention deleted the run
        return Reply(200, {"run": store.trigger_events.run_of(event) or None, "duplicate": True})
    is_old = run.id not in made
    body = {"run": run.id, "state": run.state.value, "reason": run.reason or None, "duplicate": is_old}
    return Reply(200 if is_old else 202, body, events)


def _find(store: Requesting, path: str) -> tuple[JobSpec, WebhookTrigger] | None:
    """The job in force that a path starts; none if it is disabled."""
    for version in store.jobs_in_force():
        spec = store.definition(version.digest)
        for one in spec.triggers if spec.enabled else ():
            if isinstance(one, WebhookTrigger) and one.webhook == path:
                return spec, one
    return None


def _refusal(refused: Refused, trouble: str = "") -> Reply:
    problems = [{"param": one.name, "message": one.message} for one in refused.problems]
    return Reply(refused.status, {"error": refused.message, "problems": problems}, trouble=trouble)
