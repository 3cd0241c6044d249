"""The spans of a run have its real times, join what the job traces itself, and delay nothing."""

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from engine.core.events import ChannelDown, ChannelUp, DoneByOthers, Event, RunSettled
from engine.core.lifecycle import AttemptKey, RunState
from engine.core.reasons import Reason
from engine.core.traces import Span, is_traced, span_id, spans_of, traceparent
from engine.integrations.otel import SpanSender
from engine.ports import Stop
from engine.service.tracing import Tracing
from engine.transactions.stop import end_run
from tests.acceptance.engines import until
from tests.builders import NOON, a_run
from tests.engine.world import World

JOBS = """
version: 1
jobs:
  hello: {retry: {attempts: 2, delay: 10s, jitter: none}, run: echo hello}
  staged:
    steps:
      one: {run: echo 1}
      two: {retry: {attempts: 2, delay: 10s, jitter: none}, run: echo 2}
"""
HEX = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: text.strip("0"))
KEYS = st.builds(
    AttemptKey, HEX, st.integers(1, 9), st.sampled_from(["", "one", "two-3"]), st.sampled_from([0, 1, 12])
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, JOBS)
    yield made
    made.crash()


def spans(world: World, job: str) -> tuple[Span, ...]:
    run = world.runs(job)[-1]
    return spans_of(run, world.view.attempts(run.id), world.view.steps(run.id))


def end(world: World, code: int = 0) -> None:
    world.clock.advance(seconds=2)
    world.finish(exit_code=code)


# The spans


@given(KEYS, KEYS)
def test_the_context_of_an_attempt_is_valid_and_its_own(one: AttemptKey, other: AttemptKey) -> None:
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent(one)})
    (span,) = context.values()
    found = span.get_span_context()  # type: ignore[attr-defined]
    assert f"{found.trace_id:032x}" == one.run_id
    assert f"{found.span_id:016x}" == span_id(one.id)
    assert (traceparent(one) == traceparent(other)) == (one.run_id == other.run_id and one.id == other.id)


def test_a_run_has_a_span_with_one_for_each_attempt_below_it(world: World) -> None:
    world.run_by_hand("hello")
    end(world, 3)
    world.pass_time(seconds=10)
    end(world)
    run, first, second = spans(world, "hello")
    assert [one.name for one in (run, first, second)] == ["hello", "attempt 1", "attempt 2"]
    assert {first.parent, second.parent} == {run.id}
    assert (run.start, run.end) == (first.start, second.end)
    assert [(one.is_good, one.error) for one in (run, first, second)] == [
        (True, ""),
        (False, "exit(3)"),
        (True, ""),
    ]
    assert first.attributes["process.exit.code"] == 3
    assert (first.end - first.start).total_seconds() == 2
    assert {one.trace_id for one in (run, first, second)} == {world.runs("hello")[-1].id}


def test_a_step_has_a_span_between_the_run_and_its_attempts(world: World) -> None:
    world.run_by_hand("staged")
    end(world)
    end(world, 4)
    assert spans(world, "staged") == (), "it is not over"
    world.pass_time(seconds=10)
    end(world)
    found = spans(world, "staged")
    (run,) = (one for one in found if not one.parent)
    steps = [one for one in found if one.parent == run.id]
    assert [one.name for one in steps] == ["one", "two"]
    below = {step.name: [one.name for one in found if one.parent == step.id] for step in steps}
    assert below == {"one": ["attempt 1"], "two": ["attempt 1", "attempt 2"]}
    assert len({one.id for one in found}) == len(found)
    for one in found:
        assert run.start <= one.start <= one.end <= run.end


def test_what_never_ran_has_no_span_and_a_clock_that_was_set_back_no_negative_one(world: World) -> None:
    run = a_run(state=RunState.SKIPPED, ended_at=NOON)
    assert spans_of(run, (), ()) == ()
    world.run_by_hand("hello")
    end(world)
    done = world.runs("hello")[-1]
    (attempt,) = world.view.attempts(done.id)
    back = replace(attempt, ended_at=datetime(2020, 1, 1, tzinfo=UTC))
    for one in spans_of(done, [back], ()):
        assert one.start <= one.end


def test_an_attempt_gets_its_context_only_if_a_collector_is_named(tmp_path: Path) -> None:
    (tmp_path / "on").mkdir()
    (tmp_path / "off").mkdir()
    off, on = World(tmp_path / "off", JOBS), World(tmp_path / "on", JOBS)
    environ = {**on.config.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    on.crash()
    on.config = replace(on.config, environ=environ)
    on.boot()
    for world in (off, on):
        world.run_by_hand("staged")
    (quiet,) = off.launcher.flights.values()
    (traced,) = on.launcher.flights.values()
    assert "TRACEPARENT" not in quiet.order.env
    assert traced.order.env["TRACEPARENT"] == traceparent(traced.order.attempt)
    end(on)
    end(on)
    (attempt, *_) = [one for one in spans(on, "staged") if one.name == "attempt 1"]
    assert traced.order.env["TRACEPARENT"].split("-")[1:3] == [attempt.trace_id, attempt.id]
    for world in (off, on):
        world.crash()


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
    ],
)
def test_the_standard_variables_switch_traces_on(environ: dict[str, str], found: bool) -> None:
    assert is_traced(environ) is found


# Sending


class Collector:
    """Takes spans, in memory, when the test lets it."""

    def __init__(self) -> None:
        self.got: list[Span] = []
        self.is_up = True
        self.may_answer = threading.Event()
        self.may_answer.set()

    def send(self, spans: Sequence[Span]) -> bool:
        assert self.may_answer.wait(20)
        self.got += spans if self.is_up else ()
        return self.is_up


def settled(world: World) -> list[Event]:
    return [RunSettled(run=world.runs("hello")[-1], number=1, seconds=2.0)]


def a_tracing(world: World, collector: Collector, reported: list[Event]) -> Tracing:
    opened = type(world.view).open
    return Tracing(
        lambda: opened(world.config.ledger), lambda: collector, report=reported.append, retry_seconds=0.01
    )


def test_a_collector_that_hangs_or_fails_holds_up_nobody_and_gets_everything_in_the_end(world: World) -> None:
    collector, reported = Collector(), list[Event]()
    tracing = a_tracing(world, collector, reported)
    collector.may_answer.clear()
    collector.is_up = False
    for _ in range(3):
        world.run_by_hand("hello")
        end(world)
        tracing.take(settled(world), NOON)
    collector.may_answer.set()
    until(lambda: reported, "the failure")
    collector.is_up = True
    until(lambda: ChannelUp(channel="traces") in reported, "that it works again")
    tracing.close()
    assert reported[0] == ChannelDown(channel="traces", error="the collector did not take the spans")
    assert len(reported) == 2
    assert {one.trace_id for one in collector.got} == {run.id for run in world.runs("hello")}
    assert len(collector.got) == 6


@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_run_that_a_command_ends_while_it_waits_has_its_spans_too(world: World, is_waiting: bool) -> None:
    """The command records that end by itself. It asks a run that is running to end: that is settled later."""
    collector, reported = Collector(), list[Event]()
    tracing = a_tracing(world, collector, reported)
    run = world.run_by_hand("hello")
    if is_waiting:
        end(world, 3)
        world.clock.advance(seconds=1)
    with world.store.transaction():
        now = world.clock.now()
        end_run(world.store, world.runs("hello")[-1], Stop.CANCEL, reason=Reason.BY_HAND, detail="", now=now)
    tracing.take([DoneByOthers(actor="anna", action="cancel", object=run.id, detail="")], NOON)
    if not is_waiting:
        world.launcher.obey(world.launcher.running()[0])
        world.step()
        tracing.take(settled(world), NOON)
    tracing.close()
    assert [one.name for one in collector.got] == ["hello", "attempt 1"]
    assert (collector.got[0].is_good, collector.got[0].end) == (None, world.runs("hello")[-1].ended_at)
    assert reported == []


def test_a_missing_package_is_reported_and_not_more(world: World) -> None:
    reported: list[Event] = []
    opened = type(world.view).open

    def missing() -> Collector:
        raise ModuleNotFoundError(name="opentelemetry")

    tracing = Tracing(lambda: opened(world.config.ledger), missing, report=reported.append)
    world.run_by_hand("hello")
    end(world)
    tracing.take(settled(world), NOON)
    until(lambda: reported)
    tracing.close()
    words = "traces need opentelemetry; install it with  pip install 'jobfile[otel]'"
    assert reported == [ChannelDown(channel="traces", error=words)]


def test_the_library_gets_the_times_ids_and_states(world: World) -> None:
    world.run_by_hand("hello")
    end(world, 3)
    world.pass_time(seconds=10)
    end(world, 5)
    exporter = InMemorySpanExporter()
    sender = SpanSender(exporter)
    assert sender.send(spans(world, "hello"))
    found: Iterable = exporter.get_finished_spans()
    for ours, theirs in zip(spans(world, "hello"), found, strict=True):
        assert f"{theirs.context.span_id:016x}" == ours.id
        assert f"{theirs.context.trace_id:032x}" == ours.trace_id
        assert theirs.start_time == round(ours.start.timestamp() * 1e6) * 1000
        assert theirs.end_time - theirs.start_time == (ours.end - ours.start).total_seconds() * 1e9
        assert theirs.status.status_code is StatusCode.ERROR
        assert theirs.attributes["jobfile.job"] == "hello"
        assert theirs.resource.attributes["service.name"] == "jobfile"
    sender.close()


def test_an_engine_without_a_collector_loads_nothing_for_traces() -> None:
    code = (
        "import sys, engine.cli.commands.up; print([one for one in sys.modules if 'opentelemetry' in one "
        "or 'tracing' in one or 'prometheus' in one])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
