"""A plan on a pull request: the action and the GitLab example, against an API like the real one."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from engine.integrations.forge import MAX_PAGES, PAGE
from tests.acceptance.engines import say
from tests.acceptance.test_ci import ROOT, runner_that_installed, said_by
from tests.acceptance.test_git import commit, git, text
from tests.acceptance.warm import JOBFILE, Jobfile
from tests.web.served import served

TOKEN = "t0ken-Value-91x"
MARKER = "<!-- jobfile-plan:jobs.yaml -->"
BIN = Path(sys.executable).parent


class Service:
    """The comments of one request; `kind` says whose words the API speaks."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.me = "github-actions[bot]" if kind == "github" else "project_7_bot"
        self.comments: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.fails_with = 0
        self.moves_to = ""

    def add(self, author: str, body: str) -> dict[str, Any]:
        owner, name = ("user", "login") if self.kind == "github" else ("author", "username")
        one = {"id": 100 + len(self.comments), "body": body, owner: {name: author}}
        self.comments.append(one)
        return one

    def bodies(self) -> list[str]:
        return [one["body"] for one in self.comments]

    def answer(
        self, method: str, path: str, query: dict[str, list[str]], body: Any, token: str
    ) -> tuple[int, Any]:
        if token != (f"Bearer {TOKEN}" if self.kind == "github" else TOKEN):
            return 401, {"message": "Bad credentials"}
        if path == "/user":
            return (403, {}) if self.kind == "github" else (200, {"username": self.me})
        if self.fails_with:
            return self.fails_with, {"message": "no"}
        many = one = "/projects/7/merge_requests/12/notes"
        if self.kind == "github":
            many, one = "/repos/o/r/issues/12/comments", "/repos/o/r/issues/comments"
        if method == "GET" and path == many:
            page, size = int(query["page"][0]), int(query["per_page"][0])
            return 200, self.comments[(page - 1) * size : page * size]
        if method == "POST" and path == many:
            return 201, self.add(self.me, body["body"])
        if method == ("PATCH" if self.kind == "github" else "PUT") and path.startswith(f"{one}/"):
            (found,) = [item for item in self.comments if item["id"] == int(path.removeprefix(f"{one}/"))]
            found["body"] = body["body"]
            return 200, found
        return 404, {"message": "Not Found"}


def serve(service: Service) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            url = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
            service.calls.append((self.command, url.path))
            code, answer = service.answer(self.command, url.path, parse_qs(url.query), body, token)
            content = json.dumps(answer).encode()
            self.send_response(302 if service.moves_to else code)
            if service.moves_to:
                self.send_header("Location", service.moves_to)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["github", "gitlab"])
def service(request: pytest.FixtureRequest) -> Service:
    return Service(request.param)


@pytest.fixture
def address(service: Service) -> Iterator[str]:
    yield from serve(service)


def environ(service: Service, address: str) -> dict[str, str]:
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "CI_", "GITLAB_"))
    }
    if service.kind == "github":
        return {**kept, "GITHUB_API_URL": address, "GITHUB_REPOSITORY": "o/r", "GITHUB_TOKEN": TOKEN}
    about = {"CI_API_V4_URL": address, "CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_IID": "12"}
    return {**kept, **about, "GITLAB_TOKEN": TOKEN}


def comment(service: Service, address: str, body: str, **more: str) -> tuple[int, str]:
    number = ("--number", "12") if service.kind == "github" else ()
    pipe = subprocess.PIPE
    with Jobfile(
        [JOBFILE, "comment", f"--{service.kind}", *number],
        env={**environ(service, address), **more},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    ) as command:
        said = "".join(command.communicate(body, timeout=60))
    assert TOKEN not in said
    return command.returncode, said


def test_there_is_one_comment_which_is_kept_up_to_date(service: Service, address: str) -> None:
    assert comment(service, address, f"{MARKER}\none\n") == (0, "comment made\n")
    assert comment(service, address, f"{MARKER}\none\n") == (0, "comment unchanged\n")
    assert comment(service, address, f"{MARKER}\ntwo\n") == (0, "comment updated\n")
    assert service.bodies() == [f"{MARKER}\ntwo\n"]
    other = MARKER.replace("jobs", "other")
    assert comment(service, address, f"{other}\nof another file\n") == (0, "comment made\n")
    assert len(service.comments) == 2


def test_our_comment_is_found_among_many_and_others_stay(service: Service, address: str) -> None:
    service.add("mallory", f"{MARKER}\nnot from us")
    for number in range(2 * PAGE):
        service.add("anna", f"thanks {number}")
    service.add(service.me, f"quoting {MARKER}")
    ours = service.add(service.me, f"{MARKER}\r\nold")
    before = [body for body in service.bodies() if body != ours["body"]]
    assert comment(service, address, f"{MARKER}\nnew\n") == (0, "comment updated\n")
    assert ours["body"] == f"{MARKER}\nnew\n"
    assert [body for body in service.bodies() if body != ours["body"]] == before
    assert len(service.calls) <= MAX_PAGES


@pytest.mark.parametrize("code", [401, 403, 404, 422, 500])
def test_a_service_that_refuses_is_reported_without_the_token(
    service: Service, address: str, code: int
) -> None:
    service.fails_with = code
    ended, said = comment(service, address, f"{MARKER}\none\n")
    assert ended == 1
    assert f"answers {code}" in said


def test_a_redirect_is_not_followed(service: Service, address: str) -> None:
    service.moves_to = "http://127.0.0.1:9/elsewhere"
    ended, said = comment(service, address, f"{MARKER}\none\n")
    assert (ended, "answers 302" in said) == (1, True)


def test_a_token_goes_over_tls_only(service: Service, address: str) -> None:
    name = "GITHUB_API_URL" if service.kind == "github" else "CI_API_V4_URL"
    ended, said = comment(service, address, f"{MARKER}\none\n", **{name: "http://api.example"})
    assert (ended, "needs https" in said) == (1, True)
    ended, said = comment(service, address, f"{MARKER}\none\n", **{name: "http://127.0.0.1:9"})
    assert (ended, "does not answer" in said) == (1, True)


def test_a_text_that_is_no_plan_or_has_no_pull_request_is_refused(service: Service, address: str) -> None:
    assert comment(service, address, "hello\n")[0] == 1
    assert comment(service, address, f"{MARKER}\n" + "x" * 70_000)[0] == 64
    missing = "GITHUB_TOKEN" if service.kind == "github" else "GITLAB_TOKEN"
    assert f"${missing} is not set" in comment(service, address, f"{MARKER}\nx\n", **{missing: ""})[1]
    done = said_by(BIN / "jobfile", "comment", "--github", folder=Path("/"), GITHUB_EVENT_PATH="")
    assert (done[0], "--number" in done[1]) == (64, True)
    assert service.comments == []


# As the services run it


@pytest.fixture
def change(tmp_path: Path) -> tuple[Path, str, str]:
    """A repository with a branch: its folder, the base and the head."""
    folder = tmp_path / "change"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    base = commit(folder, text(0))
    git(folder, "checkout", "-qb", "branch")
    return folder, base, commit(folder, text(30))


@pytest.mark.timeout(300)  # who comes second waits for the installation of the first
@pytest.mark.parametrize("service", ["github"], indirect=True)
def test_the_action_writes_and_updates_the_comment(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    change: tuple[Path, str, str],
    service: Service,
    address: str,
) -> None:
    folder, base, head = change
    runner = runner_that_installed(tmp_path, tmp_path_factory)
    runner.workspace.rmdir()
    folder.rename(runner.workspace)
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 12}}))
    runner.environ = {
        "GITHUB_API_URL": address,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_SERVER_URL": "https://host",
        "GITHUB_EVENT_PATH": str(event),
    }
    runner.context = {
        "github.token": TOKEN,
        "github.event.pull_request.base.sha": base,
        "github.event.pull_request.head.sha": head,
    }
    code, said = runner.step("Plan the change")
    assert (code, said) == (0, "comment made\n")
    (body,) = service.bodies()
    assert body.startswith(f"{MARKER}\n### jobfile plan: ~1\n")
    assert f"[`hello`](https://host/o/r/blob/{head}/jobs.yaml#L3)" in body
    assert body.rstrip() in runner.summary.read_text()
    (runner.workspace / "jobs.yaml").write_text(text(0).replace('"0 4 * * *"', '"* * * * *"'))
    assert runner.step("Plan the change") == (0, "comment updated\n")
    assert runner.step("Plan the change", fail_on_risk="true")[0] == 3
    (runner.workspace / "jobs.yaml").write_text("version: 1\njobs: {hello: {command: 7}}\n")
    code, said = runner.step("Plan the change")
    assert (code, "comment updated" in said) == (1, True)
    assert "### jobfile plan: the job files have errors" in service.bodies()[0]
    assert len(service.comments) == 1
    service.fails_with = 403
    (runner.workspace / "jobs.yaml").write_text(text(7))
    code, said = runner.step("Plan the change")
    assert (code, "::warning::the plan could not be written" in said) == (0, True)
    code, said = runner.step("Plan the change", files='$(touch "$RUNNER_TEMP/stolen")', **{"from": "$(id)"})
    assert code != 0
    assert not (runner.temp / "stolen").exists()


@pytest.mark.parametrize("service", ["gitlab"], indirect=True)
def test_the_gitlab_example_writes_and_updates_the_note(
    change: tuple[Path, str, str], service: Service, address: str
) -> None:
    folder, base, head = change
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    (job,) = [yaml.safe_load(one)["jobfile-plan"] for one in blocks if "jobfile-plan:" in one]
    about = {
        "CI_MERGE_REQUEST_DIFF_BASE_SHA": base,
        "CI_PROJECT_URL": "https://host/o/r",
        "CI_COMMIT_SHA": head,
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    script = "set -eo pipefail\n" + "\n".join(job["script"][1:])
    for said in ("made", "(unchanged|updated)"):  # the plan names the minute in which it is made
        about_all = {**environ(service, address), **about}
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, env=about_all, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert re.fullmatch(f"comment {said}\n", done.stdout)
    (body,) = service.bodies()  # one, whatever was said
    assert f"(https://host/o/r/-/blob/{head}/jobs.yaml#L3)" in body


def test_the_check_in_the_review_page_plans_against_a_running_server(tmp_path: Path) -> None:
    """Its script, as a runner executes it: a comment with the plan, and the exit code of the plan."""
    text = (ROOT / "docs" / "review.md").read_text()
    [block] = [one for one in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "JOBFILE_SERVER" in one]
    workflow = yaml.safe_load(block)["jobs"]["plan"]
    assert workflow["env"].keys() == {"JOBFILE_SERVER", "JOBFILE_TOKEN", "GITHUB_TOKEN"}
    script = workflow["steps"][-1]["run"]
    jobs = "version: 1\njobs: {a: {schedule: '0 4 * * *', run: echo}, b: {run: echo}}\n"
    host, checkout = tmp_path / "host", tmp_path / "checkout"
    for folder in (host, checkout):
        folder.mkdir()
        (folder / "jobs.yaml").write_text(jobs)
    assert say(host, "apply", "--yes").returncode == 0
    viewer = json.loads(say(host, "token", "add", "ci", "--role", "viewer", "--json").stdout)["token"]
    service = Service("github")
    serving = serve(service)
    address = next(serving)
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"number": 12}}')
    with served(host, "--listen", "127.0.0.1:0") as server:
        given = environ(service, address) | {"JOBFILE_SERVER": server.url, "JOBFILE_TOKEN": viewer}
        given |= {"GITHUB_EVENT_PATH": str(event), "PATH": f"{BIN}:{os.environ['PATH']}"}

        def check() -> subprocess.CompletedProcess[str]:
            words = ["bash", "-e", "-c", script]
            return subprocess.run(words, cwd=checkout, env=given, capture_output=True, text=True, check=False)

        (checkout / "jobs.yaml").write_text(jobs.replace("0 4", "30 4"))
        assert check().returncode == 0
        [comment] = service.bodies()
        assert "04:30" in comment
        assert "~1" in comment.splitlines()[1]
        (checkout / "jobs.yaml").write_text(jobs.replace("0 4 * * *", "* * * * *"))
        assert check().returncode == 3
        assert "RISK" in service.bodies()[0] or "as many runs" in service.bodies()[0]
        (checkout / "jobs.yaml").write_text(jobs.replace("run", "rum"))
        assert check().returncode == 1
        assert "has errors" in service.bodies()[0]
        given["JOBFILE_SERVER"] = "http://127.0.0.1:1"
        away, before = check(), service.bodies()
        assert (away.returncode, service.bodies()) == (75, before)
        assert "start it on its host:  jobfile serve" in away.stderr
    assert list(serving) == []
