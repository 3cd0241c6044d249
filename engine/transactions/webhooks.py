"""Records a genuine call of a webhook: which run it starts, or which one it has started."""

from collections.abc import Mapping
from dataclasses import replace

from engine.core.lifecycle import TriggerEvent
from engine.core.webhook_proofs import Call, Proven
from engine.core.webhooks import Refused, read_event
from engine.ledger.store_ports import Requesting
from engine.transactions.account import Moment
from engine.transactions.trigger_events import record_event
from jobfile.model.jobs import JobSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.webhooks import WebhookTrigger


class Hook(NamedTuple):
    """A webhook of a job in force."""

    job: str
    trigger: WebhookTrigger


class Reply(NamedTuple):
    """The answer to a call: 202 for a new run, 200 for one that a call has started before."""

    status: int
    body: Mapping[str, object]


def hook_of(spec: JobSpec, path: str) -> WebhookTrigger | None:
    """The webhook of a job at a path; none if the job is disabled."""
    found = (one for one in spec.triggers if isinstance(one, WebhookTrigger)) if spec.enabled else ()
    return next((one for one in found if one.webhook == path), None)


def receive(
    store: Requesting, hook: Hook, call: Call, proven: Proven, moment: Moment
) -> Reply | Refused | None:
    """Record a genuine call and its run together, inside the caller's transaction.

    None if the job in force no longer has this webhook, or has changed it: then it is not known whether the
    call is genuine.
    """
    version = store.job_in_force(hook.job)
    if version is None or store.definition_trouble(version.digest):
        return None
    spec = store.definition(version.digest)
    if hook_of(spec, hook.trigger.webhook) != hook.trigger:
        return None
    event = read_event(call, spec, hook.trigger, proven, now=moment.now, new_id=moment.new_id())
    if isinstance(event, Refused):
        return event
    if store.trigger_events.run_of(event):
        return _known(store, event, set())
    made: set[str] = set()

    def new_id() -> str:
        id = moment.new_id()
        made.add(id)
        return id

    for _ in record_event(store, event, replace(moment, new_id=new_id)):
        pass
    reply = _known(store, event, made)
    if reply.status == 202:
        store.audit(
            actor=f"webhook {hook.trigger.webhook}",
            action="run",
            object=str(reply.body["run"]),
            detail=f"call {proven.id}" if proven.id else "",
            now=moment.now,
        )
    return reply


def _known(store: Requesting, event: TriggerEvent, made: set[str]) -> Reply:
    """The answer about the run that a call has led to."""
    id = store.trigger_events.run_of(event)
    run = store.run(id)
    is_old = id not in made
    body: dict[str, object] = {"run": id, "duplicate": is_old}
    if run is not None:  # retention may have deleted it
        body |= {"state": run.state.value, "reason": run.reason or None}
    return Reply(200 if is_old else 202, body)
