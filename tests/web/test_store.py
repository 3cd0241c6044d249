"""The page of a ledger in PostgreSQL says what that of a ledger in a file says, and does what that does.

`pytest --store postgres tests/web` runs the tests of the page on such ledgers, as `make soak` does.
"""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from engine.core.access import Role
from engine.ledger.postgres.reader import MAX_READERS
from engine.web.limits import MAX_ANSWERS
from tests.acceptance.engines import PATIENCE, until
from tests.ledgers import Chosen, InFiles, Ledgers
from tests.postgres_ledgers import InServer, superuser
from tests.postgres_servers import run_folder, shared_server
from tests.web.site import Got, Web

JOBS = """\
version: 1
jobs:
  good: {title: The good one, owner: data, tags: [nightly, mail], schedule: "*/10 * * * *", run: echo hi}
  bad: {tags: [nightly], timezone: Europe/Oslo, schedule: "*/10 * * * *", run: exit 3}
  each: {matrix: {part: [a, b]}, schedule: "0 * * * *", run: "echo {{ matrix.part }}"}
  asked: {params: {count: {type: integer, default: 1}}, run: "echo {{ params.count }}"}
  hooked: {triggers: [{webhook: {path: told, public: true}}], run: echo told}
"""
PAGES = (
    *("/", "/board", "/timeline", "/jobs", "/jobs?tag=nightly", "/ask?q=good", "/ask?q=nothing"),
    *("/jobs/good", "/jobs/each", "/jobs/bad/definition", "/jobs/asked/run"),
    *("/changes", "/changes/1", "/changes/waiting", "/system", "/badge/bad.svg", "/metrics", "/readyz"),
)
OF_RUN = ("", "/log", "/cancel", "/retry")
API = (
    *("/jobs", "/jobs/good", "/jobs/good/did", "/jobs/bad/why", "/jobs/each/next", "/jobs/good/runs"),
    *("/jobs/bad/report", "/next", "/runs", "/report?since=1d", "/status", "/generations", "/audit"),
    *("/audit/verify", "/jobs/good/logs", "/jobs/good/outputs", "/jobs/good/artifacts", "/jobs/none/did"),
)
API_OF_RUN = ("", "/did", "/why", "/show", "/logs", "/outputs", "/artifacts")


class Pair(NamedTuple):
    """Two sites with the same past: the ledger of one is a file, that of the other is in a server."""

    file: Web
    server: Web

    def both(self, path: str, method: str = "GET", **more: object) -> tuple[Got, Got]:
        found = [plain(web, web.owner(path, method, **more)) for web in self]
        return found[0], found[1]


def plain(web: Web, got: Got) -> Got:
    """An answer without what differs from place to place: folders, the ledger's name, and free space."""
    text = got.text.replace(web.place.config.ledger_name, "LEDGER")
    text = text.replace(str(web.place.state_dir.parent), "FOLDER")
    text = re.sub(r"[\d.]+ (?=.B free)|(?<=_free_bytes )\S+|(?<=\"free_bytes\": )\d+", "", text)
    return got._replace(text=text, headers={})


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[InServer]:
    with shared_server(run_folder(tmp_path_factory)) as server:
        made = InServer(server, f"page-{worker_id}")
        yield made
        made.close()


@contextmanager
def lived(folder: Path, ledgers: Ledgers) -> Iterator[Web]:
    """A site with a past, whose ledger is one of these."""
    before, Chosen.ledgers = Chosen.ledgers, ledgers
    folder.mkdir()
    web = Web(folder, JOBS)
    web.world.step()
    web.live()
    web.silence()
    yield web
    web.close()
    Chosen.ledgers = before


@pytest.fixture
def pair(tmp_path: Path, ledgers: InServer) -> Iterator[Pair]:
    with lived(tmp_path / "file", InFiles()) as file, lived(tmp_path / "server", ledgers) as server:
        yield Pair(file, server)


@pytest.fixture
def web(tmp_path: Path, ledgers: InServer) -> Iterator[Web]:
    """The one in a server."""
    with lived(tmp_path / "server", ledgers) as made:
        yield made


def test_each_page_and_each_answer_is_that_of_a_ledger_in_a_file(pair: Pair) -> None:
    run = pair.file.world.runs("bad")[-1].id
    paths = [*PAGES, *(f"/runs/{run}{one}" for one in OF_RUN)]
    paths += [f"/api/v1{one}" for one in API] + [f"/api/v1/runs/{run}{one}" for one in API_OF_RUN]
    for path in paths:
        expected, found = pair.both(path)
        assert found.text == expected.text, path
        assert found.status == expected.status, path
        assert found.status in (200, 404) or path == "/readyz", path


ACTIONS = (
    ("/jobs/asked/runs", {"params": {"count": 3}, "key": "k", "why": "by hand"}),
    ("/jobs/asked/runs", {"params": {"count": "x"}}),
    ("/jobs/good/pause", {"why": "vendor"}),
    ("/jobs/good/resume", {}),
    ("/submissions", {"runs": [{"job": "asked", "key": "k"}, {"job": "asked"}]}),
    ("/submissions", {"runs": [{"job": "asked"}, {"job": "none"}]}),
    ("/runs/RUN/retry", {}),
    ("/runs/RUN/cancel", {}),
)


def test_each_action_is_answered_as_there_and_recorded(pair: Pair) -> None:
    run, ids = pair.file.world.runs("bad")[0].id, re.compile(r"\b[0-9a-f]{8,64}\b")
    for path, body in ACTIONS:
        for asked, method, sent in (
            (path.replace("RUN", run), "POST", {"json": body}),
            ("/audit?limit=20", "GET", {}),
        ):
            expected, found = pair.both(f"/api/v1{asked}", method, **sent)
            assert found.status == expected.status, path
            assert ids.sub("ID", found.text) == ids.sub("ID", expected.text), path


def test_a_webhook_starts_a_job_once(pair: Pair) -> None:
    for web in pair:
        sent = {"content_type": "application/json", "webhook_id": "a"}
        got = [web.ask("/hooks/told", "POST", json={}, **sent) for _ in range(2)]
        assert [one.status for one in got] == [202, 200]
        assert got[0].json["run"] == got[1].json["run"]


def test_a_page_reads_on_few_connections_and_leaves_none_in_a_transaction(web: Web) -> None:
    token = web.add_token("bot", Role.VIEWER)
    web.place.reader.close()
    others = len(states_of(web))
    errors: list[object] = []

    def ask(first: int) -> None:
        for path in (PAGES[first:] + PAGES[:first])[:6]:
            got = web.ask(path, token=token)
            if got.status not in (200, 403, 503) or (got.status == 503 and path != "/readyz"):
                errors.append(got)

    askers = [threading.Thread(target=ask, args=(number,)) for number in range(2 * MAX_ANSWERS)]
    for one in askers:
        one.start()
    for one in askers:
        one.join()
    assert not errors
    states = states_of(web)
    assert set(states) == {"idle"}
    assert 0 < len(states) - others <= MAX_ANSWERS + 2 < MAX_READERS


def states_of(web: Web) -> list[str]:
    """What each connection to its ledger does."""
    with superuser(web.place.store) as db:
        return [row[0] for row in db.execute(f"select state from {OURS}").fetchall()]


OURS = "pg_stat_activity where datname = current_database() and application_name = 'jobfile'"


def test_while_the_ledger_cannot_be_reached_each_page_says_so_and_then_answers_again(web: Web) -> None:
    token, stranger = web.add_token("later", Role.VIEWER), secrets.token_urlsafe(32)
    browser = web.sign_in(token)
    assert web.ask("/jobs", browser=browser).status == 200
    name = web.place.config.ledger_name.rpartition("/")[2]
    with superuser(web.place.store.replace(name, "postgres")) as db:
        db.execute(f'alter database "{name}" allow_connections false')
        db.execute(
            f"select pg_terminate_backend(pid) from {OURS.replace('current_database()', '%s')}", (name,)
        )
        for path in PAGES[:7]:
            got = web.ask(path, browser=browser)
            assert (got.status, got.headers["retry-after"]) == (503, "10"), path
            assert "the ledger cannot be reached now" in got.text
            assert '<meta http-equiv="refresh" content="10">' in got.text
            assert name not in got.text, "who asks cannot be found, and so is a stranger"
        for one in (token, stranger):
            got = web.ask("/api/v1/status", token=one)
            assert got.status == 503
            assert got.headers["content-type"] == "application/problem+json"
            assert got.json["code"] == "ledger_unavailable"
            assert name not in got.text
        assert name in web.owner("/api/v1/status").json["detail"]
        assert web.owner("/jobs", accept="text/html").status == 503
        assert (web.ask("/readyz").status, web.ask("/healthz").status) == (503, 200)
        db.execute(f'alter database "{name}" allow_connections true')
    until(lambda: web.ask("/jobs", browser=browser).status == 200)
    assert web.ask("/jobs", token=stranger).status == 401


def test_a_request_that_waits_notices_a_write_of_another_program(web: Web) -> None:
    run = web.owner("/api/v1/jobs/asked/runs", "POST", json={}).json["id"]
    tag = web.owner(f"/api/v1/runs/{run}").headers["etag"]
    answers: list[Got] = []

    def ask() -> None:
        answers.append(web.owner(f"/api/v1/runs/{run}?wait=30s", if_none_match=tag))

    asker = threading.Thread(target=ask)
    asker.start()
    web.world.step()
    asker.join(PATIENCE)
    assert [(one.status, one.json["state"]) for one in answers] == [(200, "running")]
