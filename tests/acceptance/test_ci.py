"""The hook and the action, as pre-commit and GitHub's runner use them, and what docs/ci.md says of them."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
[HOOK] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
BAD = "version: 1\njobs:\n  a:\n    rum: echo hi\n"
GOOD = BAD.replace("rum", "run")
WARNING = "version: 1\njobs: {a: {schedule: '0 4 * * *', run: echo, timeout: none}}\n"


def said_by(*arguments: str | Path, folder: Path, **environ: str) -> tuple[int, str]:
    """The exit code and all output of a process."""
    done = subprocess.run(
        arguments, cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_hook_finds_mistakes_before_a_commit(tmp_path_factory: pytest.TempPathFactory) -> None:
    tmp_path = tmp_path_factory.mktemp("hook")  # not on a disk: thousands of files are installed
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "jobs.yaml").write_text(BAD)
    (folder / "other.txt").write_text("x")
    assert said_by("git", "init", folder=folder)[0] == 0
    assert said_by("git", "add", "-A", folder=folder)[0] == 0

    def hook(file: str) -> tuple[int, str]:
        environ = {"PRE_COMMIT_HOME": str(tmp_path / "home"), "PIP_NO_COMPILE": "1"}
        arguments = ("-m", "pre_commit", "try-repo", ROOT, HOOK["id"], "--files", file)
        return said_by(sys.executable, *arguments, folder=folder, **environ)

    code, said = hook("jobs.yaml")
    assert code == 1, said
    assert "error[JF101]: unknown key `rum` in job `a`" in said
    assert HOOK["name"] in said


def test_the_hooks_command_is_that_of_the_package(tmp_path: Path) -> None:
    command, *arguments = HOOK["entry"].split()
    beside = Path(sys.executable).parent / command
    (tmp_path / "jobs.yaml").write_text(GOOD)
    assert said_by(beside, *arguments, folder=tmp_path) == (0, "no errors in 1 file, 1 job\n")
    assert HOOK["pass_filenames"] is False


@pytest.mark.parametrize(
    ("name", "runs"),
    [
        ("jobs.yaml", True),
        ("deploy/jobs.yml", True),
        ("deploy/night.jobs.yaml", True),
        ("jobs/night.yaml", True),
        ("jobs.yaml.bak", False),
        ("myjobs.yaml", False),
        (".github/workflows/ci.yml", False),
    ],
)
def test_the_hook_runs_for_job_files(name: str, runs: bool) -> None:
    assert bool(re.search(HOOK["files"], name)) is runs


class Runner:
    """Runs the action's steps as GitHub's runner does: each script with its shell, inputs put in before."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.summary = folder / "summary.md"
        self.temp = folder / "temp"
        self.temp.mkdir()
        self.context: dict[str, str] = {"github.token": ""}
        self.environ: dict[str, str] = {}

    def step(self, name: str, **inputs: str) -> tuple[int, str]:
        [step] = [one for one in ACTION["runs"]["steps"] if one.get("name") == name]
        given = {key: about["default"] for key, about in ACTION["inputs"].items()} | {
            key.replace("_", "-"): value for key, value in inputs.items()
        }

        def filled(text: str) -> str:
            text = re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda match: given[match[1]], text)
            return re.sub(r"\$\{\{ (github\.[a-z_.]+) \}\}", lambda match: self.context[match[1]], text)

        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "a value in a script would be code"
        script = self.temp / "script.sh"
        script.write_text(step["run"])
        return said_by(
            *("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", script),
            folder=self.workspace / filled(step.get("working-directory", ".")),
            GITHUB_ACTION_PATH=str(ROOT),
            GITHUB_WORKSPACE=str(self.workspace),
            GITHUB_STEP_SUMMARY=str(self.summary),
            RUNNER_TEMP=str(self.temp),
            **self.environ,
            **{key: filled(value) for key, value in step.get("env", {}).items()},
        )


def runner_that_installed(folder: Path, factory: pytest.TempPathFactory) -> Runner:
    """One whose step "Install jobfile" was done: once for all tests, also for those of other workers."""
    runner = Runner(folder)
    common = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    installed = common / "action"
    with (common / "action.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (installed / "is-whole").exists():
            shutil.rmtree(installed, ignore_errors=True)
            installed.mkdir()
            first = Runner(installed)
            first.environ["PIP_NO_COMPILE"] = "1"  # of all that is installed little is ever executed here
            code, said = first.step("Install jobfile")
            assert code == 0, said
            (installed / "is-whole").touch()
    (runner.temp / "jobfile").symlink_to(installed / "temp" / "jobfile")
    return runner


@pytest.mark.timeout(300)  # who comes second waits for the installation of the first
def test_the_action_installs_and_checks(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    runner = runner_that_installed(tmp_path, tmp_path_factory)
    (runner.workspace / "jobs.yaml").write_text(GOOD)
    (runner.workspace / "a b").mkdir()
    (runner.workspace / "a b" / "jobs.yaml").write_text(BAD)
    (runner.workspace / "warning.yaml").write_text(WARNING)
    check = "Check job files"
    assert runner.step(check) == (0, "no errors in 1 file, 1 job\n")
    code, said = runner.step(check, files="jobs.yaml\n\na b/jobs.yaml\n")
    assert code == 1
    assert said.startswith("::error file=a b/jobs.yaml,line=4,col=5,endColumn=8,title=JF101::unknown key")
    assert "error[JF101]: unknown key `rum`" in runner.summary.read_text()
    code, said = runner.step(check, working_directory="a b")
    assert (code, said.partition(",")[0]) == (1, "::error file=a b/jobs.yaml")
    assert runner.step(check, files="warning.yaml")[0] == 0
    assert runner.step(check, files="warning.yaml", strict="true")[0] == 1
    code, said = runner.step(check, files='$(touch "$RUNNER_TEMP/stolen")', changed_since="$(id)")
    assert code == 64
    assert not (runner.temp / "stolen").exists()


def test_another_action_is_used_only_for_an_option_that_needs_it() -> None:
    [other] = [step for step in ACTION["runs"]["steps"] if "uses" in step]
    assert other["if"] == "inputs.python-version != ''"


def test_the_documented_files_name_what_there_is() -> None:
    text = (ROOT / "docs" / "ci.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    workflow, upload, gitlab, gitlab_plan, precommit = blocks
    assert list(gitlab_plan) == ["jobfile-plan"]
    steps = workflow["jobs"]["check"]["steps"]
    assert set(steps[1]["with"]) <= set(ACTION["inputs"])
    commented = re.findall(r"^ +# ([a-z-]+): ", text.partition("## GitLab")[0], re.MULTILINE)
    assert set(commented) | set(steps[1]["with"]) == set(ACTION["inputs"])
    assert upload[1]["with"]["sarif_file"] in upload[0]["run"]
    assert gitlab["jobfile"]["artifacts"]["reports"]["codequality"] in gitlab["jobfile"]["script"][-1]
    assert precommit["repos"][0]["hooks"][0]["id"] == HOOK["id"]
