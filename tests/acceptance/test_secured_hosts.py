"""A real scheduler, a real worker and the commands of a reader, on a ledger with TLS, passwords and roles."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.engines import STARTED, end, put, say, until
from tests.acceptance.warm import JOBFILE, Jobfile
from tests.hosts.secured import MEMBERS, PASSWORD, Secured, secured

JOBS = """\
version: 1
defaults: {timezone: UTC}
jobs:
  whole:
    artifacts: [kept.txt]
    outputs: {rows: {type: integer}}
    run: |
      env > "$JOBFILE_RUN_DIR/kept.txt"
      echo '{"rows": 7}' >> "$JOBFILE_OUTPUT"
      echo it is done
  stepped:
    steps:
      first:
        outputs: {name: {type: string}}
        run: |
          echo '{"name": "anna"}' >> "$JOBFILE_OUTPUT"
      each:
        needs: [first]
        for_each: "['1', '2']"
        run: echo "{{ steps.first.outputs.name }} {{ item }}"
  checked:
    expect: {log: {contains: fine}}
    run: echo all is fine
  again: {run: 'test "$JOBFILE_ATTEMPT" = 2', retry: {attempts: 2, delay: 1s}, idempotent: true}
  fails: {run: exit 3}
  long: {run: sleep 60, kill_grace: 1s}
"""
READING = """\
did whole
why whole
report
runs --json
logs whole
logs stepped
status
list
outputs whole
artifacts whole
metrics
doctor
audit
"""
"""Commands that only read; each answers, whatever its exit code says of the jobs."""
CHANGING = ("run whole --detach", "pause whole --why it", "hosts drain bergen", "retry {run}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secured]:
    folder = tmp_path / "secured"
    folder.mkdir()
    with secured(folder) as made:
        monkeypatch.setenv("PGPASSFILE", str(made.passfile))
        yield made


class Users:
    """The users of a ledger, each with a folder of its own beside the job files."""

    def __init__(self, folder: Path, place: Secured) -> None:
        self._place = place
        self.folder = folder / "jobs"
        self.folder.mkdir()
        put(self.folder, JOBS)
        self._patch = pytest.MonkeyPatch()

    def state(self, user: str) -> Path:
        return self.folder.parent / f"state-{user}"

    def start(self, user: str, role: str) -> "subprocess.Popen[bytes]":
        environ = {
            **os.environ,
            "JOBFILE_STORE": self._place.url(user),
            "JOBFILE_STATE": str(self.state(user)),
        }
        with (self.folder.parent / f"printed-{user}").open("ab") as out:
            up = [JOBFILE, "up", "--role", role, "--name", user, "--no-strict-modes"]
            started = Jobfile(
                up, cwd=self.folder, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        STARTED.append(started)
        return started

    def printed(self, user: str) -> str:
        return (self.folder.parent / f"printed-{user}").read_text()

    def say(self, user: str, words: str) -> "subprocess.CompletedProcess[str]":
        self._patch.setenv("JOBFILE_STORE", self._place.url(user))
        self._patch.setenv("JOBFILE_STATE", str(self.state(user)))
        try:
            return say(self.folder, *words.split())
        finally:
            self._patch.undo()


def test_a_scheduler_a_worker_and_a_reader_do_all_their_work_with_their_roles(
    tmp_path: Path, place: Secured
) -> None:
    users = Users(tmp_path, place)
    scheduler = users.start("scheduler", "scheduler")
    worker = users.start("bergen", "worker")
    until(lambda: "leads" in users.printed("scheduler"), "a leader, and tables")
    applied = users.say("scheduler", "apply --yes")
    assert applied.returncode == 0, applied.stderr
    wrong = {
        (user, role): users.start(user, role)
        for user, role in (("oslo", "scheduler"), ("anna", "worker"), ("anna", "scheduler"))
    }
    good = dict.fromkeys(("whole", "stepped", "checked", "again"), "succeeded")
    jobs = {**good, "fails": "failed", "long": "cancelled"}
    runs = {job: users.say("scheduler", f"run {job} --detach").stdout.strip() for job in jobs}
    until(lambda: "long" in users.say("anna", "hosts").stdout, "a run to cancel")
    assert users.say("scheduler", f"cancel {runs['long']} --why it").returncode == 0
    assert users.say("anna", f"wait {' '.join(runs.values())} --timeout 60s").returncode == 1
    said = {words: users.say("anna", words) for words in READING.splitlines()}
    for words, answer in said.items():
        assert "may not" not in answer.stderr, (words, answer.stderr)
        assert answer.stdout, (words, answer)
    states = {one["job"]: one["state"] for one in json.loads(said["runs --json"].stdout)["runs"]}
    assert states == jobs, users.printed("bergen")
    assert said["logs whole"].stdout == "it is done\n"
    assert {"anna 1", "anna 2"} <= {*said["logs stepped"].stdout.splitlines()}
    assert "on bergen" in said["why whole"].stdout
    assert said["did whole"].returncode == 0
    for words in CHANGING:
        refused = users.say("anna", words.format(run=runs["fails"]))
        assert refused.returncode == 1, (words, refused)
        assert "use a user with the role jobfile_leader" in refused.stderr, (words, refused.stderr)
        assert "Traceback" not in refused.stderr
    assert users.say("anna", "artifacts whole --to copied").returncode == 0
    environ = (users.folder / "copied" / "kept.txt").read_text()
    assert "JOBFILE_RUN_ID" in environ
    assert "JOBFILE_STORE" not in environ
    assert "PGPASSFILE" not in environ
    for (user, role), process in wrong.items():
        assert process.wait(timeout=60) == 1, (user, role)
        needed = "jobfile_worker" if role == "worker" else "jobfile_leader"
        assert f"use a user with the role {needed}" in users.printed(user)
    assert (end(worker), end(scheduler)) == (0, 0)
    printed = users.printed("bergen") + users.printed("scheduler")
    assert "Traceback" not in printed
    assert "permission denied" not in printed
    everything = [one for one in tmp_path.rglob("*") if one.is_file() and one != place.passfile]
    with place.superuser() as db:
        content = str(db.execute("select schema_to_xml('public', true, false, '')").fetchall())
    for secret in (PASSWORD.format(user) for user in MEMBERS):
        assert secret not in content
        assert not [one for one in everything if secret.encode() in one.read_bytes()]
