"""`jobfile attempt` as a real process, in pods that a stand-in for Kubernetes starts: NOT a real cluster."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.core.lifecycle import AttemptKey
from engine.service.attempt import OneOffer, _wait
from tests.acceptance.engines import lines_of, put, until
from tests.acceptance.warm import JOBFILE, Jobfile
from tests.hosts.stand_in_kubernetes import Kubernetes, Pod, kubernetes
from tests.postgres_ledgers import InServer, a_database
from tests.web_servers import Certificates, make_certificates

JOBS = """\
version: 1
defaults: {timezone: UTC}
jobs:
  quick: {run: 'echo "$JOBFILE_ATTEMPT/$JOBFILE_FENCE" >> quick', concurrency: {limit: 9}}
  fails: {run: echo because; exit 7}
  held:
    run: echo begun >> held; while [ ! -e go ]; do sleep 0.05; done; echo ended >> held
    concurrency: {limit: 9}
    kill_grace: 2s
  again:
    run: echo "$JOBFILE_ATTEMPT" >> again; while [ ! -e go ]; do sleep 0.05; done
    idempotent: true
    retry: {attempts: 2, delay: 1s}
  steps:
    steps:
      first: {run: echo first >> steps}
      second: {run: echo second >> steps, needs: [first]}
"""
SHORT = {"JOBFILE_LEASE": "6", "JOBFILE_LEASE_ONCE": "6", "JOBFILE_LEADER_TERM": "4"}
TEMPLATE = """\
spec:
  containers:
  - name: jobfile
    image: none
    workingDir: {folder}
    args: [jobfile, attempt, --no-strict-modes, -f, {folder}/jobs.yaml]
    env:
    - name: JOBFILE_STORE
      valueFrom: {{secretKeyRef: {{name: jobfile-ledger, key: JOBFILE_STORE}}}}
"""
IDS = count()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@dataclass
class Yard:
    """A scheduler, a stand-in for Kubernetes, and the commands of a user beside them."""

    folder: Path
    api: Kubernetes
    environ: dict[str, str]
    scheduler: "subprocess.Popen[str] | None" = None

    def say(self, *words: str) -> "subprocess.CompletedProcess[str]":
        pipe = subprocess.PIPE
        with Jobfile(
            [JOBFILE, *words], cwd=self.folder, env=self.environ, stdout=pipe, stderr=pipe, text=True
        ) as command:
            out, err = command.communicate(timeout=60)
        return subprocess.CompletedProcess(words, command.returncode, out, err)

    def ask(self, *words: str) -> Any:
        return json.loads(self.say(*words, "--json").stdout)

    def lead(self) -> None:
        with (self.folder / "scheduler.out").open("a") as output:
            self.scheduler = Jobfile(
                [JOBFILE, "up", "--role", "scheduler", "--no-strict-modes"],
                cwd=self.folder,
                env={**self.environ, "JOBFILE_STATE": str(self.folder / "scheduler")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                text=True,
            )
        until(
            lambda: [one["state"] for one in self.hosts() if one["name"] == "kubernetes"] == ["up"],
            "a leader",
        )

    def hosts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("hosts").get("hosts", [])
        return found

    def run(self, job: str) -> str:
        done = self.say("run", job, "--detach")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def over(self, run: str) -> dict[str, Any]:
        """A run when it is over."""
        assert self.say("wait", run, "--timeout", "40s").returncode in (0, 1, 3), run
        [found] = [one for one in self.ask("runs")["runs"] if one["id"] == run]
        return found

    def pod(self, number: int = 0) -> Pod:
        return until(lambda: self.api.pods[number : number + 1], "a pod")[0]

    def said(self) -> str:
        return (self.folder / "scheduler.out").read_text()


@pytest.fixture
def yard(
    tmp_path: Path, certificates: Certificates, server_ledgers: InServer, worker_id: str
) -> Iterator[Yard]:
    put(tmp_path, JOBS)
    database = a_database(server_ledgers._server, f"{worker_id}-attempt-{next(IDS)}")
    plain = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}
    plain["PYTHONPATH"] = str(Path(__file__).parents[2])
    (tmp_path / "pod.yaml").write_text(TEMPLATE.format(folder=tmp_path))
    with kubernetes(
        tmp_path / "kubernetes",
        certificates,
        is_running_pods=True,
        secrets={"JOBFILE_STORE": database.url},
        environ=plain,
    ) as api:
        environ = {
            **plain,
            **SHORT,
            **api.settings(tmp_path / "pod.yaml"),
            "JOBFILE_STORE": database.url,
            "JOBFILE_STATE": str(tmp_path / "user"),
        }
        made = Yard(tmp_path, api, environ)
        try:
            assert made.say("apply", "--yes").returncode == 0
            made.lead()
            yield made
        finally:
            (tmp_path / "go").touch()  # what a test has left running ends
            if made.scheduler is not None:
                made.scheduler.kill()
                made.scheduler.wait()
    database.close()


def test_each_attempt_is_executed_by_a_pod_of_its_own(yard: Yard) -> None:
    good, bad, steps = yard.run("quick"), yard.run("fails"), yard.run("steps")
    assert yard.over(good)["state"] == "succeeded"
    assert (yard.over(bad)["state"], yard.over(bad)["exit_code"]) == ("failed", 7)
    assert yard.say("logs", bad).stdout.endswith("because\n"), "its output outlives its pod"
    assert ", on " in yard.say("why", bad).stdout
    assert yard.over(steps)["state"] == "succeeded"
    assert lines_of(yard.folder / "steps") == ["first", "second"]
    [fenced] = lines_of(yard.folder / "quick")
    assert fenced.startswith("1/")
    until(lambda: all(pod.exit_code is not None for pod in yard.api.pods), "the ends of pods")
    codes = {pod.job.removeprefix("jf-")[:32]: pod.exit_code for pod in yard.api.pods}
    assert len(yard.api.pods) == 4
    assert (codes[good], codes[bad], codes[steps]) == (0, 7, 0)
    until(lambda: [one["name"] for one in yard.hosts()] == ["kubernetes"], "no pod among the hosts")


def test_a_pod_is_among_the_hosts_while_it_runs_and_a_second_one_of_its_job_does_nothing(yard: Yard) -> None:
    run = yard.run("held")
    until(lambda: lines_of(yard.folder / "held") == ["begun"], "the job")
    pod = yard.pod()
    own = [one for one in yard.hosts() if one["name"] != "kubernetes"]
    assert [(one["slots"], one["used_slots"], one["state"]) for one in own] == [(1, 1, "up")]
    second = yard.api.start(pod.job)
    assert until(lambda: second.exit_code is not None and second.said(), "the second pod")
    assert second.exit_code == 0
    assert f"nothing to do: {run}-1 cannot be taken, {own[0]['name']} has it" in second.said()
    (yard.folder / "go").touch()
    assert yard.over(run)["state"] == "succeeded"
    assert lines_of(yard.folder / "held") == ["begun", "ended"]
    third = yard.api.start(pod.job)
    until(lambda: third.exit_code == 0, "the third pod")
    assert "it is over" in third.said()


def test_two_pods_of_a_job_at_once_execute_it_once(yard: Yard) -> None:
    yard.api.is_running_pods = False
    runs = [yard.run("quick") for _ in range(3)]
    names = until(lambda: len(yard.api.jobs) == 3 and [*yard.api.jobs], "three Jobs")
    pods = [yard.api.start(name) for name in names for _ in range(2)]
    assert {yard.over(run)["state"] for run in runs} == {"succeeded"}
    until(lambda: all(pod.exit_code == 0 for pod in pods), "the ends of pods")
    assert len(lines_of(yard.folder / "quick")) == 3
    assert sum("nothing to do" in pod.said() for pod in pods) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="a pod is a namespace of processes, which needs root")
def test_a_pod_that_is_killed_is_lost_and_only_what_is_idempotent_is_repeated(yard: Yard) -> None:
    yard.api.is_running_pods = False
    once, again = yard.run("held"), yard.run("again")
    names = until(lambda: len(yard.api.jobs) == 2 and [*yard.api.jobs], "two Jobs")
    pods = [yard.api.start(name, is_alone=True) for name in names]
    until(
        lambda: lines_of(yard.folder / "held") == ["begun"] and lines_of(yard.folder / "again") == ["1"],
        "both",
    )
    for pod in pods:
        yard.api.kill(pod)
    lost = yard.over(once)
    assert (lost["state"], lost["reason"]) == ("lost", "host_silent")
    repeated = until(
        lambda: [name for name in yard.api.jobs if name == f"jf-{again}-2"], "the second attempt"
    )
    (yard.folder / "go").touch()
    yard.api.start(repeated[0])
    assert yard.over(again)["state"] == "succeeded"
    assert lines_of(yard.folder / "again") == ["1", "2"]
    assert lines_of(yard.folder / "held") == ["begun"]


def test_a_run_is_cancelled_before_and_while_a_pod_has_it(yard: Yard) -> None:
    running = yard.run("held")
    until(lambda: lines_of(yard.folder / "held") == ["begun"], "the job")
    yard.api.is_running_pods = False
    waiting = yard.run("held")
    until(lambda: len(yard.api.jobs) == 2, "two Jobs")
    assert yard.say("cancel", waiting).returncode == 0
    until(lambda: len(yard.api.jobs) == 1, "its Job is removed")
    assert yard.over(waiting)["state"] == "cancelled"
    assert yard.say("cancel", running).returncode == 0
    assert yard.over(running)["state"] == "cancelled"
    pod = yard.pod()
    until(lambda: pod.exit_code is not None, "the end of the pod")
    assert pod.exit_code == 128 + signal.SIGTERM
    assert lines_of(yard.folder / "held") == ["begun"]


def test_a_pod_that_is_deleted_stops_its_job_and_reports_the_end(yard: Yard) -> None:
    run = yard.run("held")
    until(lambda: lines_of(yard.folder / "held") == ["begun"], "the job")
    pod = yard.pod()
    yard.api.delete(pod.job)
    found = yard.over(run)
    assert (found["state"], found["reason"]) == ("failed", "stopped")
    until(lambda: pod.exit_code == 128 + signal.SIGTERM, "the end of the pod")
    assert lines_of(yard.folder / "held") == ["begun"]


def test_while_the_api_is_away_or_refuses_nothing_is_lost_and_the_answers_say_why(yard: Yard) -> None:
    yard.api.trouble = lambda *_: 403
    run = yard.run("quick")

    def states() -> list[str]:
        return [f"{one['state']}: {one['trouble']}" for one in yard.hosts()]

    [said] = until(lambda: [one for one in states() if one.startswith("troubled")], "the trouble")
    assert "Kubernetes refuses Jobs (403), see the log of the scheduler" in said
    until(lambda: "403: User cannot post jobs; the service account needs the right" in yard.said(), "the log")
    yard.api.trouble = lambda *_: 500
    until(lambda: "answers 500" in yard.said(), "the other trouble")
    yard.api.trouble = lambda *_: None
    assert yard.over(run)["state"] == "succeeded"
    until(lambda: states() == ["up: None"], "no trouble")


def test_the_job_of_an_attempt_is_printed_as_it_is_made_and_unknown_ones_are_refused(yard: Yard) -> None:
    run = yard.run("quick")
    assert yard.over(run)["state"] == "succeeded"
    said = yard.say("export", "kubernetes", "--attempt", run[:8])
    made = yaml.safe_load(said.stdout)
    assert made["metadata"]["name"] == f"jf-{run}-1"
    assert made["spec"]["template"]["spec"]["containers"][0]["args"][-2:] == [run, "1"]
    assert yard.environ["JOBFILE_STORE"] not in said.stdout
    assert "has no steps" in yard.say("export", "kubernetes", "--attempt", run, "--step", "x").stderr
    unknown = yard.say("attempt", "0" * 32, "1", "--no-strict-modes")
    assert unknown.returncode == 64
    assert "no such attempt was ever offered" in unknown.stderr


class OnceMore:
    """A host that has nothing, as far as its process knows."""

    is_idle = True


def test_a_host_waits_while_the_ledger_says_that_it_has_the_attempt() -> None:
    """The answer to its claim was lost: the next renewal gives the attempt back, or adopts it."""
    brought, answers = OneOffer(AttemptKey("0" * 32, 1)), [True, True, False]
    brought.is_over.set()
    asked: list[bool] = []

    def has() -> bool:
        asked.append(answers[len(asked)])
        return asked[-1]

    service: Any = OnceMore()
    _wait(service, has, brought, threading.Event(), lambda: False)
    assert asked == answers
