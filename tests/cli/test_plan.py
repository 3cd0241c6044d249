"""plan, apply, rollback, generations: as typed, with every exit code; on real ledgers and repositories."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import JOBS, Jobfile
from tests.cli.test_files import fits
from tests.known import check_fits

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "schemas" / "plan.schema.json"
NOW = ("--now", "2026-03-05T12:00Z")
OTHER = JOBS.replace('"0 4 * * *"', '"30 4 * * *"')


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def put(folder: Path, text: str) -> None:
    (folder / "jobs.yaml").write_text(text)


@pytest.fixture
def repository(tmp_path: Path, jobfile: Jobfile) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / ".gitignore").write_text(".jobfile\n*.jfplan\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return tmp_path


# What is compared


def test_without_an_engine_the_plan_is_from_where_the_branch_began(
    jobfile: Jobfile, repository: Path
) -> None:
    git(repository, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(repository, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
    put(repository, OTHER)
    git(repository, "commit", "-qam", "two")
    said = jobfile("plan", *NOW)
    assert said.code == 0
    base = git(repository, "rev-parse", "--short=7", "HEAD~1")
    here = git(repository, "rev-parse", "--short=7", "HEAD")
    assert said.out.startswith(f"from  {base}      to  worktree at {here}\n")
    assert "plan: 1 to change." in said.out


def test_every_pair_of_sides_gives_the_same_change(
    jobfile: Jobfile, repository: Path, tmp_path: Path
) -> None:
    assert jobfile("apply", "--yes").code == 0
    (tmp_path / "old.yaml").write_text(JOBS)
    put(repository, OTHER)
    git(repository, "commit", "-qam", "two")
    assert jobfile("plan", *NOW, "--out", "p.jfplan").code == 0
    fields = []
    for before in ("engine", "engine:1", "HEAD~1", "old.yaml"):
        for after in ("worktree", "HEAD", "jobs.yaml", "p.jfplan"):
            plan = jobfile("plan", *NOW, "--from", before, "--to", after, "--json").json
            check_fits(plan, SCHEMA)
            fields.append((plan["jobs"][0]["fields"], plan["jobs"][0]["schedule"], plan["summary"]))
    assert len(fields) == 16
    assert all(one == fields[0] for one in fields)


def test_a_revision_is_read_with_its_includes_and_nothing_is_checked_out(
    jobfile: Jobfile, repository: Path
) -> None:
    put(repository, "version: 1\ninclude: [jobs/*.yaml]\n" + JOBS.removeprefix("version: 1\n"))
    (repository / "jobs").mkdir()
    (repository / "jobs" / "more.yaml").write_text("version: 1\njobs:\n  more: {command: [x]}\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "two")
    (repository / "jobs" / "more.yaml").write_text("half a fi")
    said = jobfile("plan", *NOW, "--from", "HEAD~1", "--to", "HEAD", "--json").json
    assert [(one["job"], one["action"], one["file"]) for one in said["jobs"]] == [
        ("more", "add", "jobs/more.yaml")
    ]
    assert (repository / "jobs" / "more.yaml").read_text() == "half a fi"
    assert jobfile("apply", "--git", "HEAD", "--yes").code == 0
    assert jobfile("generations", "--json").json["generations"][0]["commit"] == git(
        repository, "rev-parse", "HEAD"
    )


def test_a_file_that_was_not_there_is_a_plan_of_everything_new(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").rename(tmp_path / "later")
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-qm", "nothing", "--allow-empty")
    (tmp_path / "later").rename(tmp_path / "jobs.yaml")
    assert "plan: 4 to add." in jobfile("plan").out


def test_equal_input_gives_equal_bytes_in_every_form(jobfile: Jobfile, repository: Path) -> None:
    put(repository, OTHER)
    for form in ("text", "json", "markdown", "html"):
        assert len({jobfile("plan", *NOW, "--format", form).out for _ in range(2)}) == 1


# Exit codes


def test_exit_codes_of_a_plan(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("plan").code == 0
    assert jobfile("plan", "--exit-code").code == 0
    put(repository, OTHER)
    assert jobfile("plan").code == 0
    assert jobfile("plan", "--exit-code").code == 2
    assert jobfile("plan", "--fail-on", "risk").code == 0
    put(repository, OTHER.replace('"30 4 * * *"', '"* * * * *"'))
    assert jobfile("plan", "--fail-on", "risk").code == 3
    assert jobfile("plan", "--fail-on", "risk", "--exit-code").code == 3
    assert jobfile("plan", "--from", "engine").code == 64
    assert jobfile("plan", "--from", "no-such-revision").code == 64
    assert jobfile("plan", "--now", "yesterday-ish").code == 64
    put(repository, "version: 1\njobs: {a: {command: 7}}\n")
    for form in ("text", "json", "markdown", "html"):
        said = jobfile("plan", "--format", form, "--exit-code")
        assert said.code == 1
        assert "JF" in said.out + said.err


def test_without_engine_and_git_there_is_nothing_to_compare_with(jobfile: Jobfile) -> None:
    said = jobfile("plan")
    assert said.code == 64
    assert "nothing to compare with" in said.err


def test_errors_are_reported_in_the_form_that_was_asked_for(jobfile: Jobfile, repository: Path) -> None:
    put(repository, "version: 1\njobs: {a: {command: 7}}\n")
    told = jobfile("plan", "--json").json
    check_fits(told, SCHEMA)
    assert told["valid"] is False
    comment = jobfile("plan", "--format", "markdown").out
    assert comment.startswith(
        "<!-- jobfile-plan:jobs.yaml -->\n### jobfile plan: the job files have errors\n"
    )
    assert "jobs.yaml:2" in comment


# A part of a plan


def test_a_part_of_a_plan_says_what_it_leaves_out_and_exit_codes_are_about_the_whole(
    jobfile: Jobfile, repository: Path
) -> None:
    put(repository, OTHER.replace('"30 4 * * *"', '"* * * * *"'))
    name = jobfile("plan", "--json").json["jobs"][0]["job"]
    rest = sorted({"good", "bad", "slow"} - {name})[0]
    said = jobfile("plan", name, "--exit-code")
    assert (said.code, f"only job {name}: 1 of 1 changed job" in said.out) == (2, True)
    said = jobfile("plan", rest, "--fail-on", "risk")
    assert (said.code, "1 changed job left out." in said.out) == (3, True)
    part = jobfile("plan", rest, "--json").json
    check_fits(part, SCHEMA)
    assert (part["jobs"], part["filter"]["jobs"], part["filter"]["left_out"]["jobs"]) == ([], [rest], 1)
    said = jobfile("plan", "--summary")
    assert said.out.rstrip().endswith("plan: 1 to change.  2 risks, 0 warnings.")
    assert len(said.out.splitlines()) < 24


def test_a_part_of_a_plan_is_refused_where_it_would_mislead(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    put(repository, OTHER)
    for arguments, why in (
        (("good", "--out", "p.jfplan"), "a saved plan is always the whole change"),
        (("--owner", "me", "--out", "p.jfplan"), "a saved plan is always the whole change"),
        (("god",), "no job `god` before or after the change; did you mean good?"),
        (("good", "--owner", "me"), "--tag and --owner choose from all jobs; remove them, or the JOB"),
        (("--tag", "nightly"), "no job has the tag `nightly`"),
        (("--summary", "--json"), "--summary is a text"),
    ):
        said = jobfile("plan", *arguments)
        assert (said.code, why in said.err) == (64, True), said
    assert not (repository / "p.jfplan").exists()
    assert jobfile("plan", "--summary", "--out", "p.jfplan").code == 0
    assert "30 4 * * *" in jobfile("show", "p.jfplan").out


# Apply


def test_apply_shows_the_plan_and_asks_nobody_where_nobody_is(jobfile: Jobfile, repository: Path) -> None:
    said = jobfile("apply")
    assert said.code == 64
    assert "plan: 4 to add." in said.out
    assert "--yes" in said.err
    assert jobfile("generations", "--json").json["generations"] == []


def test_apply_asks_at_a_terminal_and_does_what_is_answered(repository: Path) -> None:
    def answer(text: str) -> tuple[int, str]:
        pid, terminal = pty.fork()
        if pid == 0:
            try:
                os.chdir(repository)
                os.execv(str(ROOT / ".venv" / "bin" / "jobfile"), ["jobfile", "apply"])
            finally:
                os._exit(1)  # whatever happens: this process must not go on with the tests
        os.write(terminal, text.encode())
        said = b""
        try:
            while piece := os.read(terminal, 65536):
                said += piece
        except OSError:
            pass  # the terminal is closed
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), said.decode()

    code, said = answer("n\n")
    assert (code, "nothing was applied" in said) == (0, True)
    code, said = answer("y\n")
    assert (code, "generation 1 applied" in said) == (0, True)


def test_after_apply_the_plan_is_empty(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    assert "plan: no change" in jobfile("plan").out
    put(repository, OTHER)
    assert jobfile("apply", "--yes").code == 0
    assert "plan: no change" in jobfile("plan").out
    assert "nothing to apply" in jobfile("apply").out


def test_a_risk_stops_an_apply_that_says_so(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    put(repository, JOBS.replace('"0 4 * * *"', '"* * * * *"'))
    assert jobfile("apply", "--yes", "--fail-on", "risk").code == 3
    assert jobfile("plan", "--out", "p.jfplan").code == 0
    assert jobfile("apply", "p.jfplan", "--fail-on", "risk").code == 3
    assert len(jobfile("generations", "--json").json["generations"]) == 1


TEN = "version: 1\njobs:\n" + "".join(f"  j{number}: {{command: [x]}}\n" for number in range(10))
FOUR = "version: 1\njobs:\n" + "".join(f"  j{number}: {{command: [x]}}\n" for number in range(4))


def test_removing_many_is_asked_about_twice(jobfile: Jobfile, repository: Path) -> None:
    put(repository, TEN)
    assert jobfile("apply", "--yes").code == 0
    put(repository, FOUR)
    assert "RISK11" in jobfile("plan").out
    said = jobfile("apply", "--yes")
    assert (said.code, "--yes-remove-many" in said.err) == (1, True)
    assert "6 of 10 jobs would be removed at once" in said.err
    assert jobfile("plan", "--out", "p.jfplan").code == 0
    assert jobfile("apply", "p.jfplan").code == 1
    assert jobfile("apply", "p.jfplan", "--yes-remove-many").code == 0


def test_a_rollback_that_removes_many_is_asked_about_twice(jobfile: Jobfile, repository: Path) -> None:
    put(repository, FOUR)
    assert jobfile("apply", "--yes").code == 0
    put(repository, TEN)
    assert jobfile("apply", "--yes").code == 0
    said = jobfile("rollback", "--yes")
    assert (said.code, "6 of 10 jobs would be removed at once" in said.err) == (1, True)
    assert len(jobfile("generations", "--json").json["generations"]) == 2
    assert jobfile("rollback", "--yes", "--yes-remove-many").code == 0


def test_removing_few_is_asked_about_once(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    put(repository, "version: 1\njobs: {good: {command: [x]}}\n")
    assert "RISK11" not in jobfile("plan").out
    assert jobfile("apply", "--yes").code == 0


# Saved plans


def saved(jobfile: Jobfile, folder: Path) -> Path:
    assert jobfile("apply", "--yes").code == 0
    put(folder, OTHER)
    assert "to apply it:  jobfile apply p.jfplan" in jobfile("plan", "--out", "p.jfplan").out
    return folder / "p.jfplan"


def refused(jobfile: Jobfile, why: str, *arguments: str) -> None:
    before = jobfile("generations", "--json").json["generations"][:1]
    said = jobfile("apply", "p.jfplan", *arguments)
    assert said.code == 4
    assert why in said.err
    assert jobfile("generations", "--json").json["generations"][:1] == before


def test_a_saved_plan_is_what_is_applied_once(jobfile: Jobfile, repository: Path) -> None:
    path = saved(jobfile, repository)
    assert path.stat().st_mode & 0o777 == 0o600
    put(repository, OTHER.replace('"30 4 * * *"', '"45 4 * * *"'))
    said = jobfile("apply", "p.jfplan")
    assert (said.code, said.out.startswith("generation 2 applied")) == (0, True)
    assert "jobs.yaml was changed since then; the plan is applied as it was saved" in said.err
    assert "45 4" in jobfile("plan").out
    refused(jobfile, "was applied already, as generation 2; a plan can be applied only once")
    newest = jobfile("generations", "--json").json["generations"][0]
    assert newest["plan"] == json.loads(path.read_text())["id"]


def test_the_very_first_plan_is_bound_to_its_ledger_too(jobfile: Jobfile, repository: Path) -> None:
    said = jobfile("plan", "--out", "p.jfplan")
    assert (said.code, "saved" in said.err) == (64, True)
    assert jobfile("up", "--for", "1s", "--apply", "manual").code == 0
    assert jobfile("plan", "--out", "p.jfplan").code == 0
    assert jobfile("apply", "p.jfplan").out.startswith("generation 1 applied")
    refused(jobfile, "was applied already, as generation 1")
    assert jobfile("plan", "--out", "p.jfplan", "--state", "elsewhere").code == 64


def test_a_stale_plan_is_refused(jobfile: Jobfile, repository: Path) -> None:
    saved(jobfile, repository)
    assert jobfile("apply", "--yes").code == 0
    refused(jobfile, "was made from generation 1, but generation 2 is in force now")


def test_a_foreign_plan_is_refused(jobfile: Jobfile, repository: Path) -> None:
    saved(jobfile, repository)
    put(repository, JOBS)
    assert jobfile("apply", "--yes", "--state", "elsewhere").code == 0
    said = jobfile("apply", "p.jfplan", "--state", "elsewhere")
    assert (said.code, "for another ledger" in said.err) == (4, True)
    assert jobfile("apply", "p.jfplan", "--state", "nowhere").code == 64


def test_a_plan_can_be_shown_when_it_is_stale(jobfile: Jobfile, repository: Path) -> None:
    saved(jobfile, repository)
    said = jobfile("show", "p.jfplan")
    assert (said.code, said.err) == (0, "")
    assert "plan: 1 to change." in said.out
    assert jobfile("apply", "--yes").code == 0
    said = jobfile("show", "p.jfplan")
    assert said.code == 0
    assert "was made from generation 1, but generation 2 is in force now" in said.err
    assert jobfile("show", "p.jfplan", "--json").json["summary"]["change"] == 1


def test_a_plan_holds_no_secret(jobfile: Jobfile, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cr3t-Value-91x")
    (repository / "token").write_text("s3cr3t-Value-91x")
    text = JOBS.replace(
        "  bad:", "  bad:\n    secrets: {A: env:TOKEN, B: file:" + str(repository / "token") + "}"
    )
    assert jobfile("apply", "--yes").code == 0
    put(repository, text)
    assert jobfile("plan", "--out", "p.jfplan").code == 0
    assert "s3cr3t" not in (repository / "p.jfplan").read_text()
    put(repository, text.replace("  bad:", "  bad:\n    env: {API_TOKEN: s3cr3t-Value-91x}"))
    said = jobfile("plan", "--out", "q.jfplan")
    assert (said.code, "looks like a secret" in said.err) == (1, True)
    assert "s3cr3t" not in said.out + said.err
    assert not (repository / "q.jfplan").exists()


def test_a_plan_that_cannot_be_written_leaves_nothing(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    said = jobfile("plan", "--out", "no/such/folder/p.jfplan")
    assert (said.code, "cannot write" in said.err) == (1, True)


# Rollback and history


def test_a_rollback_is_a_generation_of_its_own(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    assert jobfile("rollback", "--yes").code == 64
    put(repository, OTHER)
    assert jobfile("apply", "--yes").code == 0
    said = jobfile("rollback", "--yes")
    assert (said.code, "generation 3 applied" in said.out) == (0, True)
    assert "30 4 * * *" in said.out
    generations = jobfile("generations", "--json").json["generations"]
    assert (generations[0]["generation"], generations[0]["note"]) == (3, "rollback to generation 1")
    assert generations[0]["digest"] == generations[2]["digest"]
    fits(jobfile("generations", "--json").json, "generations")
    assert jobfile("rollback", "7", "--yes").code == 64
    assert "nothing to do" in jobfile("rollback", "1", "--yes").out
    assert jobfile("plan", "--from", "engine:1", "--to", "engine:3", "--exit-code").code == 0
    assert "rollback to generation 1" in jobfile("generations").out


def test_files_that_were_rolled_back_come_back_only_when_they_say_something_new(
    jobfile: Jobfile, repository: Path
) -> None:
    assert jobfile("up", "--for", "1s").code == 0
    put(repository, OTHER)
    assert jobfile("up", "--for", "1s").code == 0
    assert jobfile("rollback", "--yes").code == 0
    assert jobfile("up", "--for", "1s").code == 0
    assert jobfile("generations", "--json").json["generations"][0]["generation"] == 3
    put(repository, OTHER.replace('"30 4 * * *"', '"45 4 * * *"'))
    assert jobfile("up", "--for", "1s").code == 0
    assert jobfile("generations", "--json").json["generations"][0]["generation"] == 4


def test_a_rename_taken_back_keeps_the_history(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    assert jobfile("run", "good").code == 0
    put(repository, JOBS.replace("  good:", "  fine:\n    renamed_from: good"))
    assert jobfile("apply", "--yes").code == 0
    run = jobfile("runs", "fine", "--json").json["runs"][0]["id"]
    assert jobfile("did", run).code == 0
    assert "a run requested" in jobfile("did", "fine").out
    assert jobfile("rollback", "--yes").code == 0
    assert jobfile("runs", "good", "--json").json["runs"][0]["id"] == run
    assert "a run requested" in jobfile("did", "good").out


# Drift


def test_drift_is_where_the_engine_differs_from_the_files(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    assert jobfile("plan", "--detect-drift").code == 0
    assert jobfile("pause", "good", "--why", "vendor outage").code == 0
    said = jobfile("plan", "--detect-drift")
    assert said.code == 2
    assert "good paused by " in said.out
    assert '"vendor outage"' in said.out
    assert "1 job enabled in the file is paused in the engine" in said.out
    assert jobfile("resume", "good").code == 0
    assert jobfile("plan", "--detect-drift").code == 0
    put(repository, OTHER)
    assert jobfile("plan", "--detect-drift").code == 2
    fits(jobfile("apply", "--yes", "--json").json, "apply")
    fits(jobfile("rollback", "--yes", "--json").json, "apply")
    status = jobfile("status").out
    assert "differs from what is applied (1 job): jobfile plan" in status


def test_a_pause_survives_an_apply_and_is_reported_in_the_plan(jobfile: Jobfile, repository: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    assert jobfile("pause", "good", "--why", "vendor outage").code == 0
    put(repository, OTHER)
    assert "it stays paused" in jobfile("apply", "--yes").out
    assert jobfile("status", "--json").json["paused"][0]["job"] == "good"
