"""A run and its attempts as JSON data, the same in every answer."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from engine.answers.artifacts import artifact_to_json
from engine.answers.steps import step_to_json, steps_of_run
from engine.core.artifacts import KeptArtifact
from engine.core.lifecycle import Attempt, AttemptKey, Run
from engine.core.records import Output
from engine.core.step_states import StepRun
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple


def run_to_json(
    run: Run,
    *,
    attempts: Sequence[Attempt] | None = None,
    outputs: Sequence[Output] | None = None,
    hosts: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, object]:
    """A run as JSON data; `attempts` and `outputs` are added when they are given.

    `hosts` are the names of those that execute or executed attempts, by the ids of these.
    """
    plain: dict[str, object] = {
        "id": run.id,
        "job": run.job,
        "params": dict(run.params),
        "matrix": dict(run.matrix),
        "trigger": run.trigger.value,
        "trigger_values": dict(run.trigger_values),
        "caused_by": run.caused_by,
        "idempotency_key": run.idempotency_key or None,
        "queue": run.queue or None,
        "priority": run.priority,
        "state": run.state.value,
        "reason": run.reason or None,
        "detail": run.detail or None,
        "scheduled_for": run.scheduled_for.isoformat(),
        "queued_at": run.queued_at.isoformat(),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "retry_at": iso(run.retry_at),
        "attempts": run.attempt,
        "exit_code": run.exit_code,
        "generation": run.generation,
        "requested_by": run.requested_by or None,
        "retry_of": run.retry_of,
    }
    if attempts is not None:
        plain["attempt_list"] = [_attempt_to_json(one, hosts.get(one.id)) for one in attempts]
    if outputs is not None:
        plain["outputs"] = [output_to_json(one) for one in outputs]
    return plain


class Details(NamedTuple):
    """What the ledger has about a run besides its row."""

    attempts: tuple[Attempt, ...]
    outputs: tuple[Output, ...]
    artifacts: tuple[KeptArtifact, ...]
    steps: tuple[StepRun, ...]
    hosts: Mapping[str, str] = MappingProxyType({})
    """By the id of an attempt: the name of the host that executes or executed it."""


def hosts_of_attempts(view: View, *runs: Run) -> Mapping[str, str]:
    """By the id of each attempt: the name of the host that executes or executed it; nothing with one host."""
    if view.hosts is None or not runs:
        return {}
    from engine.answers.placing import host_names, shared_hosts  # noqa: PLC0415  start-up time: only with a server

    hosts = shared_hosts(view)
    return {} if hosts is None else host_names(hosts, [run.id for run in runs])


def details_of(view: View, run: Run) -> Details:
    """The attempts, outputs, artifacts and steps of a run."""
    outputs, artifacts = view.outputs(run.id), view.artifacts(run.id)
    return Details(
        view.attempts(run.id), outputs, artifacts, steps_of_run(view, run), hosts_of_attempts(view, run)
    )


def run_now(view: View, run: Run) -> tuple[Run, Details]:
    """A run as it is now, and the rest of it, all of one moment: an engine may write meanwhile."""
    with view.soundness.snapshot():
        now = view.run(run.id) or run
        return now, details_of(view, now)


def whole_run_to_json(run: Run, details: Details) -> dict[str, object]:
    """A run with its attempts, outputs, artifacts and steps as JSON data."""
    plain = run_to_json(run, attempts=details.attempts, outputs=details.outputs, hosts=details.hosts)
    plain["artifacts"] = [artifact_to_json(one) for one in details.artifacts]
    return {**plain, "steps": [step_to_json(one) for one in details.steps]}


def one_run_to_json(run: Run, *, details: Details | None = None) -> dict[str, object]:
    """A run as the whole answer."""
    return {"format": 1, **(run_to_json(run) if details is None else whole_run_to_json(run, details))}


def output_to_json(output: Output) -> dict[str, object]:
    """One output as JSON data."""
    return {
        "step": output.step or None,
        "item": output.item or None,
        "name": output.name,
        "value": list(output.value) if isinstance(output.value, tuple) else output.value,
    }


def place_to_json(attempt: AttemptKey) -> Mapping[str, object]:
    """Which attempt of its run it is: the step, None for a job with one action; the item; the number."""
    return {"step": attempt.step or None, "item": attempt.item or None, "number": attempt.number}


def _attempt_to_json(attempt: Attempt, host: str | None) -> Mapping[str, object]:
    return {
        **place_to_json(attempt.key),
        "host": host,
        "state": attempt.state.value,
        "reason": attempt.reason or None,
        "detail": attempt.detail or None,
        "started_at": iso(attempt.started_at),
        "ended_at": iso(attempt.ended_at),
        "exit_code": attempt.exit_code,
        "signal": attempt.signal,
        "output_bytes": attempt.output_bytes,
        "output_dropped": attempt.output_dropped,
        "leftover_processes": attempt.leftover_processes,
        "max_rss_kb": attempt.max_rss_kb,
        "cpu_seconds": attempt.cpu_seconds,
    }


def iso(at: datetime | None) -> str | None:
    """An instant for programs."""
    return None if at is None else at.isoformat()
