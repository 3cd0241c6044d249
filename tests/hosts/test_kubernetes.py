"""Kubernetes as a carrier, against a stand-in for its API: what is made, refused, repeated and removed."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.answers.hosts import fleet_to_text, make_fleet
from engine.client.kubernetes import AwayError, Jobs, RefusedError
from engine.core.errors import JobfileError, UnreadableFileError, WrongUsageError
from engine.core.hosts import CLUSTER, LEASE, Offer, hindrance, member
from engine.core.lifecycle import AttemptKey
from engine.core.yaml_text import to_yaml
from engine.hosts.carriers.kubernetes import (
    DEFAULT_SLOTS,
    FIRST_WAIT_SECONDS,
    REFUSED_SECONDS,
    TEND_SECONDS,
    KubernetesCluster,
    make_cluster,
)
from engine.hosts.cluster_row import ClusterRow
from engine.hosts.executor import Executor
from engine.hosts.manifest import job_manifest, job_name, read_template
from engine.hosts.manifests import FILES, all_manifests, own_template
from engine.hosts.offers import Offers
from engine.ledger.postgres.shared import PostgresSharedLedger
from engine.ports import Stop
from tests.hosts.stand_in_kubernetes import CUTS, HANGS, NAMESPACE, ROOT, Kubernetes, kubernetes
from tests.hosts.test_commands import as_looked_at
from tests.hosts.world import LEASES, HostsWorld
from tests.known import known_files
from tests.web_servers import Certificates, make_certificates

PACKAGING = Path(__file__).parents[2] / "packaging" / "kubernetes"
JOBS = """
version: 1
jobs:
  once: {run: 'true', concurrency: {limit: 99}}
  often: {run: 'true', idempotent: true, concurrency: {limit: 99}}
  train: {run: 'true', runs_on: [gpu, eu]}
"""
A, B = AttemptKey("a" * 32, 1), AttemptKey("b" * 32, 2, "load", 7)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def api(tmp_path: Path, certificates: Certificates) -> Iterator[Kubernetes]:
    with kubernetes(tmp_path / "kubernetes", certificates) as running:
        yield running


class Time:
    """Seconds that pass when the test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def cluster_of(api: Kubernetes, *, slots: int = 3, elapsed: Any = None) -> KubernetesCluster:
    jobs = Jobs(api.url, account=api.account, namespace=NAMESPACE)
    return KubernetesCluster(jobs, own_template(), slots=slots, elapsed=elapsed or Time())


def offer(attempt: AttemptKey, *needs: str, job: str = "nightly") -> Offer:
    return Offer(attempt, needs, LEASE, job)


# Manifests


def test_each_attempt_has_a_job_of_its_own_name_that_kubernetes_accepts() -> None:
    attempts = [
        AttemptKey("a" * 32, n, step, item) for n in (1, 2) for step, item in (("", 0), ("s", 0), ("s", 1))
    ]
    names = {job_name(one) for one in attempts}
    assert len(names) == len(attempts)
    assert all(len(name) <= 63 for name in names)
    assert job_name(A) == f"jf-{'a' * 32}-1"


def test_a_job_has_one_pod_that_is_never_repeated_and_the_labels_of_its_attempt() -> None:
    found = job_manifest(offer(B, "gpu", "eu", job="nightly/träin"), own_template())
    spec, pod = found["spec"], found["spec"]["template"]["spec"]
    assert (spec["parallelism"], spec["completions"], spec["backoffLimit"]) == (1, 1, 0)
    assert spec["ttlSecondsAfterFinished"] == 3600
    assert pod["restartPolicy"] == "Never"
    assert pod["nodeSelector"] == {"jobfile/gpu": "true", "jobfile/eu": "true"}
    [container] = pod["containers"]
    words = ["jobfile", "attempt", "--no-strict-modes", B.run_id, "2", "--step", "load", "--item", "7"]
    assert container["args"] == words
    assert found["metadata"]["labels"] == spec["template"]["metadata"]["labels"]
    assert found["metadata"]["labels"]["jobfile/job"] == "nightly_tr_in"
    assert found["metadata"]["annotations"] == {
        "jobfile/job": "nightly/träin",
        "jobfile/step": "load",
        "jobfile/item": "7",
    }


def test_the_template_keeps_all_that_it_has_and_needs_no_arguments() -> None:
    template = read_template(
        "pod.yaml",
        "metadata: {labels: {team: data}}\nspec:\n  nodeSelector: {disk: ssd}\n  tolerations: [{key: gpu}]\n"
        "  containers:\n  - {name: proxy, image: proxy}\n  - {name: jobfile, image: jobs}\n",
    )
    found = job_manifest(offer(A, "gpu"), template)["spec"]["template"]
    assert found["metadata"]["labels"]["team"] == "data"
    assert found["spec"]["nodeSelector"] == {"disk": "ssd", "jobfile/gpu": "true"}
    assert found["spec"]["tolerations"] == [{"key": "gpu"}]
    proxy, own = found["spec"]["containers"]
    assert proxy == {"name": "proxy", "image": "proxy"}
    assert own["args"] == ["jobfile", "attempt", A.run_id, "1"]
    assert "args" not in template["spec"]["containers"][1], "the template is as it was"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "a: [",
        "spec: 1",
        "spec: {containers: []}",
        "spec: {containers: [{name: x}]}",
        "metadata: 1\nspec: {containers: [{image: x}]}",
    ],
)
def test_a_file_that_is_not_a_template_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(WrongUsageError, match=r"the template of pods pod\.yaml (is not valid|has no)"):
        read_template("pod.yaml", text)


def test_yaml_reads_as_the_data_that_it_was_made_from() -> None:
    words = [
        "yes",
        "no",
        "1",
        "1e3",
        "a: b",
        "- a",
        "x",
        "",
        "100m",
        "ä",
        "a\nb",
        "#",
        "a=b",
        "~",
        "null",
        "0x1f",
        "/a",
    ]
    found = {
        "texts": words,
        "numbers": [0, -1, 2.5, True, None],
        "empty": [{}, []],
        "deep": [{"a": {"b": [[1], {"c": "on"}]}}],
        "y": {},
    }
    assert yaml.safe_load(to_yaml(found)) == found


def test_the_files_in_packaging_are_what_export_prints(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update"):
        for name, text in zip(FILES, all_manifests().split("---\n# "), strict=True):
            (PACKAGING / name).write_text(f"# {text.removeprefix('# ')}")
    assert "---\n".join((PACKAGING / name).read_text() for name in FILES) == all_manifests()
    assert {one.name for one in known_files("packaging/kubernetes", "*")} == {*FILES}
    documents = [*yaml.safe_load_all(all_manifests())]
    kinds = [one["kind"] for one in documents]
    assert kinds == ["ServiceAccount", "Role", "RoleBinding", "Secret", "ConfigMap", "Deployment"]
    assert documents[1]["rules"] == [
        {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "delete"]}
    ]
    for one in documents:
        if one["kind"] == "Deployment":
            [container] = one["spec"]["template"]["spec"]["containers"]
            assert {"name": "JOBFILE_STATE", "value": "/var/lib/jobfile/state"} in container["env"]
    names = [
        set(one["env"][0]["valueFrom"]["secretKeyRef"].values())
        for one in own_template()["spec"]["containers"]
    ]
    assert names == [{"jobfile-ledger", "JOBFILE_STORE"}], "no manifest has a secret"


# Settings


def test_wrong_settings_are_refused_with_the_reason(api: Kubernetes, tmp_path: Path) -> None:
    pod = tmp_path / "pod.yaml"
    pod.write_text("spec: {containers: [{image: x}]}")
    good = api.settings(pod)
    assert make_cluster(good).slots == DEFAULT_SLOTS
    for name, value, said in (
        ("JOBFILE_KUBERNETES_SLOTS", "0", "expected a number from 1 to 10,000"),
        ("JOBFILE_KUBERNETES_SLOTS", "many", "expected a number"),
        ("JOBFILE_KUBERNETES_NAMESPACE", "a/b", "cannot be the name of a namespace"),
        ("JOBFILE_KUBERNETES_API", "http://localhost", "expected https://HOST:PORT"),
        ("JOBFILE_KUBERNETES_API", "", "is for a scheduler in a pod"),
        ("JOBFILE_KUBERNETES_POD", "", "needs the template of its pods"),
    ):
        with pytest.raises(WrongUsageError, match=said):
            make_cluster({**good, name: value})
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        make_cluster({**good, "JOBFILE_KUBERNETES_POD": str(tmp_path / "none")})


# The API, and what it may do


def test_an_attempt_that_is_offered_twice_has_one_job(api: Kubernetes) -> None:
    cluster = cluster_of(api)
    cluster.offer([offer(A), offer(B)])
    assert api.asked == [], "offering never waits for the cluster"
    assert cluster.tend() == TEND_SECONDS
    cluster.offer([offer(A)])
    cluster.tend()
    other = cluster_of(api)  # the next leader
    other.offer([offer(A)])
    other.tend()
    assert api.jobs.keys() == {job_name(A), job_name(B)}
    assert [one for one, _ in api.asked] == ["POST", "POST", "POST", "GET", "POST", "GET"]
    assert cluster.trouble == other.trouble == ""


@pytest.mark.parametrize("trouble", [500, 503, 429, CUTS])
def test_while_the_api_is_away_offers_wait_and_nothing_is_lost(api: Kubernetes, trouble: int | str) -> None:
    cluster = cluster_of(api)
    api.trouble = lambda *_: trouble
    cluster.offer([offer(A), offer(B)])
    for _ in range(2):
        with pytest.raises(AwayError, match="it is retried"):
            cluster.tend()
        assert "Kubernetes" in cluster.trouble
    assert len(api.asked) == (4 if trouble == CUTS else 2), "the second offer does not wait for it as well"
    api.trouble = lambda *_: None
    cluster.tend()
    assert len(api.jobs) == 2
    assert cluster.trouble == ""


def test_an_api_that_hangs_or_is_not_there_is_an_error_within_seconds(
    api: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.client.kubernetes.ANSWER_SECONDS", 0.2)
    cluster = cluster_of(api)
    api.trouble = lambda *_: HANGS
    cluster.offer([offer(A)])
    with pytest.raises(AwayError, match="does not answer"):
        cluster.tend()
    jobs = Jobs("https://localhost:1", account=api.account, namespace=NAMESPACE)
    with pytest.raises(AwayError, match="does not answer"):
        jobs.read("x")


def test_an_answer_that_was_lost_makes_no_second_job(api: Kubernetes) -> None:
    cluster = cluster_of(api)
    create, lost = api.create, []

    def loses(job: dict[str, Any]) -> Any:
        made = create(job)
        if not lost:
            lost.append(job)
            raise OSError
        return made

    api.create = loses  # type: ignore[method-assign]
    cluster.offer([offer(A)])
    cluster.tend()
    assert len(lost) == len(api.jobs) == 1
    assert cluster.trouble == ""


def test_a_missing_right_is_reported_with_what_to_do(api: Kubernetes) -> None:
    cluster = cluster_of(api)
    api.trouble = lambda *_: 403
    cluster.offer([offer(A), offer(B)])
    with pytest.raises(RefusedError, match="403: User cannot post jobs; the service account needs the right"):
        cluster.tend()
    assert len(api.asked) == 1, "all would be refused"
    assert cluster.trouble == "Kubernetes refuses Jobs (403), see the log of the scheduler"
    api.trouble = lambda *_: None
    cluster.tend()
    assert len(api.jobs) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("token", "401: Unauthorized"),
        ("none", "token of the service"),
        ("ca", "is not the one of the service account"),
    ],
)
def test_a_wrong_account_is_reported(
    api: Kubernetes, certificates: Certificates, change: str, said: str
) -> None:
    if change == "ca":
        (api.account / "ca.crt").write_bytes(certificates.own.read_bytes())
    elif change == "none":
        (api.account / "token").unlink()
    else:
        (api.account / "token").write_text("other")
    cluster = cluster_of(api)
    cluster.offer([offer(A)])
    with pytest.raises(JobfileError, match=said):
        cluster.tend()
    assert "other" not in cluster.trouble


def test_the_token_is_read_again_because_the_cluster_replaces_it(api: Kubernetes) -> None:
    cluster = cluster_of(api)
    good = (api.account / "token").read_text()
    (api.account / "token").write_text("old")
    cluster.offer([offer(A)])
    with pytest.raises(RefusedError):
        cluster.tend()
    (api.account / "token").write_text(good)
    cluster.tend()
    assert len(api.jobs) == 1


def test_a_single_refused_job_holds_up_no_other(api: Kubernetes) -> None:
    time = Time()
    cluster = cluster_of(api, elapsed=time)
    create = api.create
    api.create = lambda job: (422, {"message": "bad"}) if A.run_id in str(job) else create(job)  # type: ignore[method-assign]
    cluster.offer([offer(A), offer(B)])
    with pytest.raises(RefusedError, match="422: bad"):
        cluster.tend()
    assert api.jobs.keys() == {job_name(B)}
    assert cluster.trouble == ""
    cluster.offer([offer(A)])
    cluster.tend()
    time.now += FIRST_WAIT_SECONDS
    with pytest.raises(RefusedError):
        cluster.tend()
    cluster.tend()
    assert "(422)" in cluster.trouble, "nothing shows that another would be taken"
    time.now += REFUSED_SECONDS
    cluster.tend()
    assert cluster.trouble == "", "it is tried with others"


def test_a_pod_that_ended_before_it_took_its_attempt_is_replaced_after_growing_waits_and_reported(
    api: Kubernetes,
) -> None:
    time = Time()
    cluster = cluster_of(api, elapsed=time)
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "no image"}
    waits = []
    for _ in range(7):
        cluster.offer([offer(A)])
        cluster.tend()
        api.jobs[job_name(A)]["status"] = {"conditions": [failed]}
        cluster.offer([offer(A)])
        with pytest.raises(
            JobfileError, match=r"before it took its attempt \(BackoffLimitExceeded no image\)"
        ):
            cluster.tend()
        assert api.jobs == {}
        assert cluster.trouble == ""
        before = time.now
        while not api.jobs:
            time.now += 10
            cluster.offer([offer(A)])
            cluster.tend()
        assert api.jobs[job_name(A)]["status"] == {}
        waits.append(time.now - before)
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_a_job_that_is_being_removed_is_waited_for(api: Kubernetes) -> None:
    cluster = cluster_of(api)
    cluster.offer([offer(A)])
    cluster.tend()
    api.jobs[job_name(A)]["metadata"]["deletionTimestamp"] = "2026-11-28T12:00:00Z"
    cluster.offer([offer(A)])
    cluster.tend()
    api.jobs.clear()
    cluster.tend()
    assert api.jobs.keys() == {job_name(A)}


def test_the_job_of_a_withdrawn_offer_is_removed_or_never_made(api: Kubernetes) -> None:
    cluster = cluster_of(api)
    cluster.offer([offer(A)])
    cluster.tend()
    cluster.offer([offer(B)])
    cluster.withdraw(A)
    cluster.withdraw(B)
    cluster.tend()
    assert api.jobs == {}
    assert [one for one in api.asked if one[0] != "DELETE"] == [("POST", ROOT)]
    before = len(api.asked)
    cluster.tend()
    assert len(api.asked) == before


# The leader


class ClusterWorld(HostsWorld):
    """A leader whose attempts are executed by a cluster. Its pods are hosts that a test adds."""

    def __init__(self, folder: Path, api: Kubernetes, **settings: Any) -> None:
        self.api = api
        self.told: list[str] = []
        super().__init__(folder, JOBS, hosts=[], **settings)
        self.row = ClusterRow(self.shared.hosts, self.cluster, process="leader", version="1")
        self.row.appear()

    def executor(self) -> Executor:
        self.shared = PostgresSharedLedger(self.address)
        self.cluster = cluster_of(self.api, elapsed=self.clock.elapsed)
        return Offers(
            store=self.store,
            shared=self.shared,
            carrier=self.cluster,
            clock=self.clock,
            leases=LEASES,
            on_withdrawn=self.cluster.withdraw,
        )

    def turn(self) -> None:
        super().turn()
        try:
            self.row.tend()
        except JobfileError as error:
            self.told.append(str(error))

    def attempts(self, job: str) -> list[AttemptKey]:
        return [AttemptKey(run.id, run.attempt) for run in self.runs(job)]

    def pod(self, attempt: AttemptKey) -> Any:
        """A pod of an attempt starts: it takes this one or none."""
        own = f"{len(self.hosts):032}"
        host = self.add(f"pod-{own[-1]}", identity=member(f"pod-{own[-1]}", own), slots=1)
        host.hosting.take(attempt)
        return host


def test_the_leader_offers_no_more_than_the_cluster_has_slots(tmp_path: Path, api: Kubernetes) -> None:
    world = ClusterWorld(tmp_path, api)
    for _ in range(5):
        world.run_by_hand("once")
    world.turn()
    assert len(api.jobs) == 3
    offered = {one.attempt for one in world.shared.deliveries.open()}
    pods = [world.pod(attempt) for attempt in offered]
    world.pass_time(seconds=3)
    assert len(world.executed) == len(api.jobs) == 3
    pods[0].finish()
    world.pass_time(seconds=3)
    assert len(api.jobs) == 4
    assert {run.state.value for run in world.runs("once")} == {"running", "succeeded", "queued"}
    [row] = [host for host in world.shared.hosts.all() if host.is_cluster]
    assert (row.id, row.held, row.slots) == (CLUSTER, 2, 3)


def test_a_pod_that_is_started_twice_executes_its_attempt_once(tmp_path: Path, api: Kubernetes) -> None:
    world = ClusterWorld(tmp_path, api)
    world.run_by_hand("once")
    world.turn()
    [attempt] = [one.attempt for one in world.shared.deliveries.open()]
    first, second = world.pod(attempt), world.pod(attempt)
    assert (first.hosting.running, second.hosting.running) == (1, 0)
    first.finish()
    world.pass_time(seconds=3)
    assert [run.state.value for run in world.runs("once")] == ["succeeded"]
    world.check_once()


def test_labels_of_a_job_choose_nodes_and_not_hosts(tmp_path: Path, api: Kubernetes) -> None:
    world = ClusterWorld(tmp_path, api)
    world.run_by_hand("train")
    world.turn()
    [job] = api.jobs.values()
    assert job["spec"]["template"]["spec"]["nodeSelector"] == {"jobfile/gpu": "true", "jobfile/eu": "true"}
    assert job["metadata"]["labels"]["jobfile/job"] == "train"


def test_an_offer_is_repeated_until_a_pod_takes_it(tmp_path: Path, api: Kubernetes) -> None:
    world = ClusterWorld(tmp_path, api)
    world.run_by_hand("once")
    world.turn()
    api.jobs.clear()
    world.pass_time(seconds=7)
    [job] = api.jobs.values()
    assert job["metadata"]["labels"]["jobfile/job"] == "once"


def test_while_the_cluster_refuses_runs_wait_and_every_answer_says_why(
    tmp_path: Path, api: Kubernetes
) -> None:
    world = ClusterWorld(tmp_path, api)
    api.trouble = lambda *_: 403
    world.run_by_hand("once")
    world.turn()
    world.run_by_hand("often")
    world.pass_time(seconds=20)
    assert world.told
    assert "needs the right to create, get and delete Jobs" in world.told[0]
    words = hindrance(world.shared.hosts.all(), ())
    assert words == f"no host takes work: kubernetes: {world.cluster.trouble}"
    assert "(403)" in words
    assert len(world.shared.deliveries.open()) == 1, "nothing more is offered"
    api.trouble = lambda *_: None
    world.pass_time(seconds=10)
    assert len(api.jobs) == 2
    assert hindrance(world.shared.hosts.all(), ()) == ""


def test_a_run_that_is_cancelled_before_a_pod_has_it_leaves_no_job(tmp_path: Path, api: Kubernetes) -> None:
    world = ClusterWorld(tmp_path, api)
    run = world.run_by_hand("once")
    world.turn()
    [attempt] = [one.attempt for one in world.shared.deliveries.open()]
    assert len(api.jobs) == 1
    with world.store.transaction():
        world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now())
    world.pass_time(seconds=2)
    assert api.jobs == {}
    assert [one.state.value for one in world.runs("once")] == ["cancelled"]
    assert world.pod(attempt).hosting.running == 0
    assert world.executed == []


def test_pods_are_among_the_hosts_only_while_they_run_and_offer_no_slots(
    tmp_path: Path, api: Kubernetes
) -> None:
    world = ClusterWorld(tmp_path, api)
    world.run_by_hand("once")
    world.run_by_hand("often")
    world.turn()
    pods = [world.pod(one.attempt) for one in world.shared.deliveries.open()]
    world.pass_time(seconds=3)
    assert sorted(host.is_for_one for host in world.shared.hosts.all()) == [False, True, True]
    done, dead = pods
    done.finish()
    world.pass_time(seconds=2)
    assert hindrance(world.shared.hosts.all(), ()) == ""
    done.hosting.end()
    done.is_frozen = dead.is_frozen = True
    world.pass_time(seconds=3)
    assert [host.name for host in world.shared.hosts.all() if host.is_for_one] == [dead.name]
    assert world.hosts.keys() == {done.name, dead.name}
    world.pass_time(seconds=16 * 60)
    world.pass_time(seconds=11 * 60)
    assert [host.name for host in world.shared.hosts.all()] == ["kubernetes"]


def test_a_drained_cluster_gets_nothing_new(tmp_path: Path, api: Kubernetes) -> None:
    world = ClusterWorld(tmp_path, api)
    assert world.shared.hosts.drain("kubernetes", is_draining=True)
    world.run_by_hand("once")
    world.pass_time(seconds=3)
    assert api.jobs == {}
    assert hindrance(world.shared.hosts.all(), ()) == "no host takes work: kubernetes is draining"
    world.shared.hosts.drain("kubernetes", is_draining=False)
    world.pass_time(seconds=3)
    assert len(api.jobs) == 1


def test_the_next_leader_continues_with_the_offers_of_the_last_one(tmp_path: Path, api: Kubernetes) -> None:
    world = ClusterWorld(tmp_path, api)
    api.trouble = lambda *_: 503
    world.run_by_hand("once")
    world.turn()
    world.row.leave()
    assert [host.word.value for host in world.shared.hosts.all()] == ["left"]
    api.trouble = lambda *_: None
    successor = ClusterRow(world.shared.hosts, world.cluster, process="next", version="1")
    successor.appear()
    world.row = successor
    world.pass_time(seconds=7)
    assert len(api.jobs) == 1
    assert timedelta() <= world.shared.hosts.all()[0].silence < timedelta(seconds=5)


def test_the_cluster_and_its_pods_are_shown(
    tmp_path: Path, api: Kubernetes, request: pytest.FixtureRequest
) -> None:
    world = ClusterWorld(tmp_path, api)
    world.lead("a")
    world.run_by_hand("once")
    world.run_by_hand("often")
    world.turn()
    world.pod(next(one.attempt for one in world.shared.deliveries.open()))
    world.pass_time(seconds=3)
    api.trouble = lambda *_: 403
    world.run_by_hand("train")
    world.pass_time(seconds=4)
    assert world.view.hosts is not None
    fleet = make_fleet(world.view, world.view.hosts)
    assert fleet.slots == (1, 3)
    as_looked_at("cluster", f"{fleet_to_text(fleet, width=100, row_width=150)}\n", request)
