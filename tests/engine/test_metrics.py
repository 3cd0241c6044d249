"""The metrics agree with the answers that they come from, and rules and dashboard use only what exists."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from engine.answers import metrics
from engine.answers.hosts import Fleet, Held, HostState, Waiting
from engine.answers.metrics import MAX_HOSTS, OTHERS, Family, fleet_families
from engine.answers.presence import Presence
from engine.answers.report import make_report
from engine.answers.status import make_status
from engine.core.histograms import BOUNDS, Histogram
from engine.core.hosts import DeliveryState, Leader
from engine.service.metrics import collect, metrics_text
from engine.service.presence import presence_at
from tests.builders import DAY, HOUR, MINUTE, NOON, a_host
from tests.engine.test_hosts import a_delivery
from tests.engine.world import World

PACKAGING = Path(__file__).parents[2] / "packaging"
DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
JOBS = """
version: 1
channels: {oncall: {command: ["true"]}}
queues: {small: {slots: 1}}
jobs:
  hello: {schedule: {every: 1m}, catchup: none, notify: {failed: [oncall]}, run: echo hello}
  other: {schedule: {every: 5m}, queue: small, run: echo other}
  third: {expect: {success_every: 10m}, queue: small, run: echo third}
"""
PAIR = "  pair: {schedule: {every: 3m}, retry: {attempts: 2}, steps: {a: {run: echo a}, b: {run: echo b}}}\n"
Labels = frozenset[tuple[str, str]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, JOBS)
    yield made
    made.crash()


def families(world: World) -> tuple[Family, ...]:
    return collect(world.config, world.view, now=world.clock.now())


def read(world: World) -> dict[tuple[str, Labels], float]:
    """Every sample of the text, as Prometheus parses it."""
    text = metrics_text(families(world)).decode()
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def labelled(**labels: str) -> Labels:
    return frozenset(labels.items())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.sampled_from([0, 3])), max_size=12))
def test_expected_and_accounted_are_those_of_the_report(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[int, int]]
) -> None:
    world = World(tmp_path_factory.mktemp("world"), JOBS + PAIR)
    for seconds, code in steps:
        world.pass_time(seconds=seconds)
        world.finish(exit_code=code)
    found = read(world)
    now = world.clock.now()
    report = make_report(
        world.view,
        since=now - DAY,
        until=now + timedelta.resolution,
        now=now,
        presence=make_presence(world),
    )
    for row in report.rows:
        assert found["jobfile_expected_runs", labelled(job_name=row.job)] == row.expected
        told = {
            dict(labels)["verdict"]: value
            for (name, labels), value in found.items()
            if name == "jobfile_accounted_runs" and dict(labels)["job_name"] == row.job
        }
        assert told == {verdict: count for verdict, count in row.verdicts.items() if count}
        assert sum(told.values()) == row.expected
    assert found["jobfile_adds_up", labelled()] == 1
    runs = [run for job in ("hello", "other", "pair") for run in world.runs(job)]
    ended = [run for run in runs if run.ended_at and run.started_at]
    counted = sum(
        value
        for (name, labels), value in found.items()
        if name == "jobfile_run_duration_seconds_bucket" and ("le", "+Inf") in labels
    )
    assert counted == len(ended)
    started = found.get(("jobfile_start_lateness_seconds_count", labelled()), 0)
    assert started == len([run for run in runs if run.started_at])
    world.crash()


def make_presence(world: World) -> Presence:
    return presence_at(world.config, world.view, now=world.clock.now())


def test_a_bucket_has_the_runs_up_to_its_bound(world: World) -> None:
    world.pass_time(seconds=60.3)
    world.clock.advance(seconds=5)
    world.finish()
    world.pass_time(seconds=60)
    world.clock.advance(seconds=5.001)
    world.finish()
    found = read(world)
    buckets = {
        bound: found["jobfile_run_duration_seconds_bucket", labelled(job_name="hello", le=str(bound))]
        for bound in BOUNDS[Histogram.RUN_DURATION]
    }
    assert buckets == {bound: 0 if bound < 5 else 1 if bound < 15 else 2 for bound in buckets}
    assert found["jobfile_run_duration_seconds_sum", labelled(job_name="hello")] == pytest.approx(10.001)
    late = [
        found["jobfile_start_lateness_seconds_bucket", labelled(le=str(bound))]
        for bound in BOUNDS[Histogram.START_LATENESS]
    ]
    assert late == sorted(late)
    assert late[-1] == found["jobfile_start_lateness_seconds_count", labelled()] == 2


def test_states_successes_queues_and_the_outbox_are_shown(world: World) -> None:
    world.pass_time(seconds=60)
    world.finish(exit_code=4)
    found = read(world)
    assert found["jobfile_job_state", labelled(job_name="hello", state="failed")] == 1
    assert ("jobfile_job_last_success_timestamp_seconds", labelled(job_name="hello")) not in found
    world.run_by_hand("third")
    world.pass_time(seconds=240)
    found = read(world)
    assert found["jobfile_notifications_waiting", labelled()] == 1
    assert found["jobfile_notifications_oldest_seconds", labelled()] == 240
    assert found["jobfile_queue_slots", labelled(queue="small")] == 1
    assert found["jobfile_queue_waiting_runs", labelled(queue="small")] == 1
    assert found["jobfile_runs", labelled(state="waiting")] == 1
    world.pass_time(seconds=40)
    assert read(world)["jobfile_oldest_waiting_run_seconds", labelled()] == 40
    world.finish()
    world.finish()
    at = read(world)["jobfile_job_last_success_timestamp_seconds", labelled(job_name="third")]
    assert at == world.clock.now().timestamp()


def test_without_an_engine_the_metrics_say_so_and_count_what_is_overdue(world: World) -> None:
    world.pass_time(seconds=60)
    world.clock.advance(seconds=600)
    found = read(world)
    assert found["jobfile_up", labelled()] == 0
    assert found["jobfile_well", labelled()] == 0
    status = make_status(
        world.view, presence=make_presence(world), file=None, free_bytes=10**12, now=world.clock.now()
    )
    assert found["jobfile_overdue_runs", labelled()] == status.overdue > 0


def test_jobs_beyond_the_limit_are_counted_under_one_label(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pass_time(seconds=300)
    world.finish()
    whole = read(world)
    monkeypatch.setattr(metrics, "MAX_JOBS", 1)
    found = read(world)
    names = {dict(labels)["job_name"] for _, labels in found if "job_name" in dict(labels)}
    assert names == {"hello", OTHERS}
    assert found["jobfile_jobs_beyond_limit", labelled()] == 2
    for name in ("jobfile_expected_runs", "jobfile_accounted_runs"):
        sums = [sum(value for (one, _), value in each.items() if one == name) for each in (whole, found)]
        assert sums[0] == sums[1] > 0
    timed = {dict(labels)["job_name"] for name, labels in found if name.startswith("jobfile_run_duration")}
    assert timed == {"hello"}


def test_promtool_finds_nothing_to_improve(world: World) -> None:
    world.pass_time(seconds=300)
    world.finish()
    said = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics_text(families(world)), capture_output=True
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, b"", b"")


def test_the_rules_are_valid_and_each_alert_comes_when_it_should() -> None:
    folder = PACKAGING / "prometheus"
    for words in (["check", "rules", "jobfile.rules.yml"], ["test", "rules", "jobfile.rules.test.yml"]):
        said = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True)
        assert said.returncode == 0, said.stdout + said.stderr


def test_rules_dashboard_and_documentation_name_only_metrics_that_exist(world: World) -> None:
    suffixes = ("", "_bucket", "_sum", "_count")
    of_hosts = tuple(fleet_families(Fleet(None, (), (), NOON)))
    collected = (*families(world), *of_hosts)
    known = {f"{one.name}{end}" for one in collected for end in suffixes[: 4 if one.bounds else 1]}
    rules = (PACKAGING / "prometheus" / "jobfile.rules.yml").read_text()
    dashboard = json.loads((PACKAGING / "grafana" / "jobfile.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    used = set(re.findall(r"\bjobfile_[a-z_]+", f"{rules} {asked}"))
    assert used <= known
    assert len(used) > 15
    documented = set(re.findall(r"`(jobfile_[a-z_]+)", DOCS.read_text()))
    assert documented == {one.name for one in collected}


def test_a_panel_is_a_query_that_prometheus_can_read(tmp_path: Path) -> None:
    dashboard = json.loads((PACKAGING / "grafana" / "jobfile.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [{"record": f"r:{number}", "expr": expr} for number, expr in enumerate(asked)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    said = subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], capture_output=True)
    assert said.returncode == 0, said.stdout + said.stderr


def test_hosts_are_counted_and_a_name_of_two_is_that_of_the_one_seen_last() -> None:
    held, offered = Held(a_delivery(), "one"), Held(a_delivery()._replace(state=DeliveryState.OFFERED), "two")
    gone = a_host("old")._replace(name="a", silence=HOUR, seen_at=NOON - HOUR)
    busy = a_host(held=1, skew=timedelta(seconds=-0.5), free_bytes=5)
    fleet = Fleet(
        Leader("1", "a", "a", 7, NOON, is_over=False),
        (HostState(busy, (held,)), HostState(gone, ()), HostState(a_host("b", is_draining=True), ())),
        (Waiting(offered, MINUTE, "no host has the label x", can_be_taken=False),),
        NOON,
    )
    found = {
        (family.name.removeprefix("jobfile_"), *(value for _, value in one.labels)): one.value
        for family in fleet_families(fleet)
        for one in family.samples
    }
    assert found == {
        ("leader",): 1,
        ("leader_term",): 7,
        ("deliveries_of_silent_hosts",): 0,
        ("hosts", "up"): 1,
        ("hosts", "draining"): 1,
        ("hosts", "silent"): 1,
        ("hosts", "troubled"): 0,
        ("hosts", "left"): 0,
        **{("host_up", "a"): 1, ("host_up", "b"): 0, ("host_slots", "a"): 2, ("host_slots", "b"): 2},
        **{("host_used_slots", "a"): 1, ("host_used_slots", "b"): 0},
        **{("host_silent_seconds", "a"): 0, ("host_silent_seconds", "b"): 0},
        **{("host_skew_seconds", "a"): -0.5, ("host_skew_seconds", "b"): 0},
        **{("host_disk_free_bytes", "a"): 5, ("host_disk_free_bytes", "b"): 0},
        **{("deliveries", "offered"): 1, ("deliveries", "held"): 1},
        ("deliveries_oldest_offered_seconds",): 60,
        ("deliveries_not_takeable",): 1,
    }
    many = tuple(HostState(a_host(f"h{number}"), ()) for number in range(MAX_HOSTS + 1))
    labels = [one for one in fleet_families(fleet._replace(hosts=many)) if one.name == "jobfile_host_up"]
    assert len(labels[0].samples) == MAX_HOSTS
