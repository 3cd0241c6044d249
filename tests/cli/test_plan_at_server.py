"""`jobfile --server URL plan`: byte for byte the plan of its host, for files on a different machine."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cli.main import run
from engine.planning.in_force import ByHand, Paused, Standing
from engine.planning.in_force_json import (
    OtherMeaningError,
    facts_from_json,
    facts_to_json,
    side_from_json,
    side_to_json,
    standing_from_json,
    standing_to_json,
)
from engine.planning.sides import file_side
from jobfile.model.catalog import build_catalog
from jobfile.plan import JobFacts, Side
from tests.acceptance.engines import engine, say
from tests.cli.conftest import Said
from tests.cli.test_files import fits
from tests.known import known_files
from tests.web.served import Served, served
from tests.web_servers import serving

SECRET = "value-of-a-secret-that-must-not-leave"
BEFORE = """\
version: 1
jobs:
  nightly: {owner: kari, params: {n: {type: integer, default: 1}}, schedule: "0 4 * * *",
    secrets: {KEY: env:REAL_SECRET}, run: "echo hi {{ params.n }}", timeout: 10m}
  hourly: {tags: [often], schedule: "0 * * * *", run: "true"}
  chained: {triggers: [{after: {job: hourly}}], run: "true"}
  gone: {schedule: "30 2 * * *", run: echo æøå}
"""
AFTER = (
    BEFORE.replace('"0 4 * * *"', '"15 4 * * *"')
    .replace("timeout: 10m", "timeout: 1s")
    .replace('"0 * * * *", run: "true"', '"0 * * * *", run: "false"')
    .replace('  gone: {schedule: "30 2 * * *", run: echo æøå}\n', '  new: {schedule: "@daily", run: echo}\n')
)
NOW = ("--now", "2031-03-01T12:00")
SAME = (
    "plan",
    "plan --json",
    "plan --format markdown",
    "plan --format html",
    "plan --full",
    "plan --summary",
    "plan hourly",
    "plan --owner kari",
    "plan --tag nope",
    "plan nope",
    "plan --exit-code",
    "plan --fail-on risk",
    "plan --detect-drift",
    "plan --detect-drift --json",
    "plan --from engine:1 --json",
    "plan --from engine:9",
    "plan --from engine --to engine:1 --exit-code",
    "plan --to wrong.yaml",
    "plan --to wrong.yaml --json",
    "plan --from jobs.yaml --to worktree --json",
    "plan --summary --json",
)
"""Commands that say the same on the server's host and on a machine that has only the files."""


class There:
    """The server's host, and a folder of another machine with the same files but without a ledger."""

    def __init__(
        self,
        host: Path,
        away: Path,
        server: Served,
        capture: pytest.CaptureFixture[bytes],
        patch: pytest.MonkeyPatch,
    ) -> None:
        self.host, self.away, self.server, self._capture, self._patch = host, away, server, capture, patch
        patch.setenv("JOBFILE_TOKEN", server.token)
        patch.delenv("JOBFILE_SERVER", raising=False)
        patch.delenv("JOBFILE_STATE", raising=False)

    def on_host(self, *words: str) -> Said:
        return self._said(self.host, words)

    def away_from_it(self, *words: str) -> Said:
        said = self._said(self.away, ("--server", self.server.url, *words))
        assert not (self.away / ".jobfile").exists()
        return said

    def _said(self, folder: Path, words: tuple[str, ...]) -> Said:
        self._patch.chdir(folder)
        self._capture.readouterr()
        code = run(list(words))
        out, err = self._capture.readouterr()
        return Said(code, out.decode(), err.decode())


def write(folder: Path, text: str) -> None:
    (folder / "jobs.yaml").write_text(text)
    (folder / "wrong.yaml").write_text("version: 1\njobs: {a: {run: echo, retires: 2}}\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Served]]:
    """A host whose ledger has runs, pauses and two generations; only the server still runs."""
    host, away = tmp_path_factory.mktemp("host"), tmp_path_factory.mktemp("away")
    write(host, BEFORE.replace("echo æøå", "echo"))
    write(away, AFTER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REAL_SECRET", SECRET)
        with engine(host):
            pass
        write(host, BEFORE)
        with engine(host):
            say(host, "run", "nightly", "--wait")
        say(host, "pause", "nightly", "--why", "vendor")
        say(host, "run", "nightly", "-p", "n=7", "--detach")
        say(host, "run", "hourly", "--detach")
        write(host, AFTER)
        with served(host, "--listen", "127.0.0.1:0") as server:
            yield host, away, server


@pytest.fixture
def there(
    place: tuple[Path, Path, Served],
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> There:
    return There(*place, capfdbinary, monkeypatch)


@pytest.fixture
def own(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[There]:
    """The same for one test that changes what is in force; BEFORE is, and nothing ran yet."""
    host, away = tmp_path / "host", tmp_path / "away"
    for folder in (host, away):
        folder.mkdir()
        write(folder, BEFORE)
    say(host, "apply", "--yes")
    with served(host, "--listen", "127.0.0.1:0") as server:
        yield There(host, away, server, capfdbinary, monkeypatch)


def test_a_plan_with_a_server_is_the_plan_of_its_host(there: There) -> None:
    """Text, JSON, Markdown and HTML byte for byte, what goes to standard error, and the exit codes."""
    differ, codes = [], set()
    for command in SAME:
        words = [*command.split(), *NOW]
        mine, told = there.on_host(*words), there.away_from_it(*words)
        codes.add(mine.code)
        if mine != told:
            differ.append(f"{command}\n{mine}\n{told}")
    assert not differ, "\n\n".join(differ)
    assert codes == {0, 1, 2, 3, 64}  # so none of these comparisons is about the same refusal


def test_the_plan_has_what_only_the_ledger_knows(there: There) -> None:
    """Open runs, the pause, lengths of runs: the same facts, from the server."""
    plan = there.away_from_it("plan", "--json", *NOW).json
    [nightly] = [one for one in plan["jobs"] if one["job"] == "nightly"]
    assert nightly["runs"]["waiting"] == 1
    assert "vendor" in nightly["paused"]
    drift = there.away_from_it("plan", "--detect-drift", *NOW)
    assert "params given by hand: n" in drift.out
    assert "nightly paused by " in drift.out


def test_a_plan_without_a_time_is_as_of_the_time_of_the_server(there: There) -> None:
    plan = there.away_from_it("plan", "--json").json
    assert abs(datetime.fromisoformat(plan["now"]) - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_change_of_many_jobs_is_asked_in_parts(own: There) -> None:
    """More jobs than fit in one address."""
    jobs = "".join(f"  job-{'x' * 50}-{number}: {{run: 'true'}}\n" for number in range(80))
    write(own.host, f"version: 1\njobs:\n{jobs}")
    assert own.on_host("apply", "--yes", "--yes-remove-many").code == 0
    for folder in (own.host, own.away):
        write(folder, f"version: 1\njobs:\n{jobs}".replace("'true'", "'false'"))
    mine, told = own.on_host("plan", "--json", *NOW), own.away_from_it("plan", "--json", *NOW)
    assert mine == told
    assert mine.json["summary"]["change"] == 80


def test_a_viewer_plans_and_a_limited_token_does_not(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in force is what any viewer can read, job by job; a token for some jobs sees no others."""
    viewer = there.on_host("token", "add", "ci", "--role", "viewer", "--json").json["token"]
    limited = there.on_host("token", "add", "one", "--role", "admin", "--jobs", "hourly", "--json")
    monkeypatch.setenv("JOBFILE_TOKEN", viewer)
    assert there.away_from_it("plan", *NOW) == there.on_host("plan", *NOW)
    monkeypatch.setenv("JOBFILE_TOKEN", limited.json["token"])
    said = there.away_from_it("plan", *NOW)
    assert (said.code, said.out) == (1, "")
    assert "this is about all jobs, and your token is for some" in said.err
    monkeypatch.setenv("JOBFILE_TOKEN", "x" * 43)
    assert there.away_from_it("plan", *NOW).code == 1


def test_what_a_server_gives_to_plans_fits_its_schema_and_has_no_secret(there: There) -> None:
    for path, schema in (
        ("base", "plan-base"),
        ("base?generation=1", "plan-base"),
        ("facts?job=nightly&job=nope", "plan-facts"),
        ("standing", "plan-standing"),
    ):
        answer = there.server.get(f"/api/v1/plan/{path}")
        assert " 200 " in answer.split("\r\n")[0], answer
        fits(json.loads(answer.partition("\r\n\r\n")[2]), schema)
        assert SECRET not in answer
    assert SECRET not in there.away_from_it("plan", "--json", *NOW).out


def test_where_nothing_is_recorded_a_plan_begins_where_the_branch_did(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a host without a ledger: the old side is the commit of this machine's repository."""
    host, away = tmp_path / "host", tmp_path / "away"
    for folder, text in ((host, BEFORE), (away, BEFORE)):
        folder.mkdir()
        write(folder, text)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*git, *words], cwd=away, check=True)
    write(away, AFTER)
    with served(host, "--listen", "127.0.0.1:0") as server:
        there = There(host, away, server, capfdbinary, monkeypatch)
        plan = there.away_from_it("plan", "--json").json
        assert (plan["from"]["kind"], plan["summary"]["change"]) == ("revision", 2)
        said = there.away_from_it("plan", "--from", "engine")
        assert (said.code, "no engine has a ledger here" in said.err) == (64, True)


REFUSED = (
    ("plan --out p.jfplan", "a plan is saved with the key of the server's host"),
    ("plan --state x", "--state and --store name a place of this machine, and --server a server; remove one"),
    ("apply", "no job files are sent to a server"),
    ("apply p.jfplan --git HEAD", "no job files are sent to a server"),
    ("apply --yes", "or run `apply` there"),
)


@pytest.mark.parametrize(("command", "words"), REFUSED)
def test_what_a_server_does_not_take_is_said_in_a_sentence(there: There, command: str, words: str) -> None:
    said = there.away_from_it(*command.split())
    assert (said.code, words in said.err) == (64, True), said


def test_with_the_variable_a_plan_asks_the_server_too(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    there.away_from_it("status")
    monkeypatch.setenv("JOBFILE_SERVER", there.server.url)
    monkeypatch.chdir(there.away)
    assert there._said(there.away, ("plan", "-f", "jobs.yaml", *NOW)).code == 0


def test_a_saved_plan_that_waits_on_the_host_is_applied_from_elsewhere(
    own: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its id, as on the page: an admin may, once; no definition crosses the network."""
    write(own.host, BEFORE.replace('"true"}', '"true", enabled: false}'))
    assert own.on_host("plan", "--out", "p.jfplan").code == 0
    copy = own.away / "copy.jfplan"
    copy.write_bytes((own.host / "p.jfplan").read_bytes())
    operator = own.on_host("token", "add", "op", "--role", "operator", "--json").json["token"]
    with monkeypatch.context() as patch:
        patch.setenv("JOBFILE_TOKEN", operator)
        said = own.away_from_it("apply", "copy.jfplan")
        assert (said.code, "this needs the role admin" in said.err) == (1, True)
    refused = own.away_from_it("apply", "copy.jfplan", "--fail-on", "risk")
    assert refused == own.on_host("apply", "p.jfplan", "--fail-on", "risk")
    assert refused.code == 3
    write(own.host, BEFORE)
    said = own.away_from_it("apply", "copy.jfplan", "--why", "reviewed", "--json")
    assert (said.code, said.json) == (0, {"format": 1, "applied": True, "generation": 2})
    assert said.err == "jobs.yaml was changed since then; the plan is applied as it was saved\n"
    newest = own.on_host("generations", "--json").json["generations"][0]
    assert (newest["generation"], newest["note"]) == (2, "reviewed; a saved plan")
    again = own.away_from_it("apply", "copy.jfplan")
    assert (again.code, "no such plan waits: it was applied" in again.err) == (4, True)
    copy.write_text('{"id": "' + "0" * 32 + '"}')
    assert "is not a plan as it was saved here" in own.away_from_it("apply", "copy.jfplan").err
    assert own.away_from_it("apply", "0" * 32).code == 4


WORDS = st.text(max_size=20)
VALUES = st.one_of(st.booleans(), st.integers(), WORDS, st.lists(WORDS, max_size=3).map(tuple))
FACTS = st.builds(
    JobFacts,
    *(st.integers(0, 9),) * 3,
    longest=st.none() | st.timedeltas(timedelta(0), timedelta(days=400)),
    of=st.integers(0, 20),
    last_run=WORDS,
    paused=WORDS,
)
STANDINGS = st.builds(
    Standing,
    paused=st.lists(st.builds(Paused, WORDS, WORDS), max_size=3).map(tuple),
    by_hand=st.lists(
        st.builds(ByHand, WORDS, WORDS, st.dictionaries(WORDS, VALUES, max_size=3)), max_size=3
    ).map(tuple),
    version=WORDS,
)
TIME = datetime(2030, 1, 1, tzinfo=UTC)


def sent(plain: object) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(plain))
    return found


@given(st.dictionaries(WORDS, FACTS, max_size=4), STANDINGS)
def test_what_is_known_of_jobs_crosses_the_network_whole(
    facts: dict[str, JobFacts], standing: Standing
) -> None:
    assert facts_from_json(sent(facts_to_json(facts, now=TIME))) == facts
    assert standing_from_json(sent(standing_to_json(standing, now=TIME))) == standing


SAMPLES = [one for one in known_files("samples", "*.yaml") if ".test." not in one.name]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda one: one.name)
def test_jobs_cross_the_network_whole(path: Path) -> None:
    """Every job of the samples, with its place; or the answer is refused."""
    catalog = file_side(path).catalog
    side = Side(
        kind="engine", catalog=catalog, lineage="a" * 32, generation=7, applied_at=TIME, revision="b" * 40
    )
    plain = sent(side_to_json(side, now=TIME))
    assert side_from_json(plain) == (side, TIME)
    for changed in ({"canonical": 1}, {"cron_semantics": 99}, {"sha256": "0" * 64}, {"jobs": []}):
        with pytest.raises(OtherMeaningError):
            side_from_json(plain | changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(WORDS, inside, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["jobs", "now", "lineage", "generation", "applied_at", "canonical"]), JSON)
def test_an_answer_that_says_something_else_is_refused_and_no_bug(key: str, value: object) -> None:
    side = Side(kind="engine", catalog=build_catalog(()), lineage="a", generation=0)
    plain = side_to_json(side, now=TIME)
    for changed in (plain | {key: value}, {one: plain[one] for one in plain if one != key}):
        with contextlib.suppress(ValueError):
            side_from_json(changed)
    with contextlib.suppress(ValueError):
        facts_from_json({"jobs": value})
    with contextlib.suppress(ValueError):
        standing_from_json({"paused": value, "by_hand": value, "version": value})


def test_a_server_that_answers_something_else_is_said(
    there: There, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """One of another version, and one that is no server of plans."""
    plain = json.loads(there.server.get("/api/v1/plan/base").partition("\r\n\r\n")[2])
    for body, words in (
        (
            plain | {"canonical": 99, "jobfile": "9.9"},
            "the server runs jobfile 9.9, which reads jobs differently",
        ),
        (plain | {"jobs": 7}, "the server's answer does not say what is in force"),
        ([], "the server's answer is not JSON; look at the address"),
    ):
        text = json.dumps(body).encode()
        head = f"HTTP/1.1 200 OK\r\nJobfile-Exit-Code: 0\r\nContent-Length: {len(text)}\r\n\r\n"
        with serving(head.encode() + text) as other:
            there._patch.chdir(there.away)
            code = run(["--server", f"http://127.0.0.1:{other.port}", "plan"])
        said = capfdbinary.readouterr().err.decode()
        assert (code, words in said) == (1, True), said
