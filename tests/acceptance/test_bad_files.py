"""A file made to cost much, saved beside healthy jobs: it is refused, and the jobs in force miss nothing."""

from pathlib import Path

from engine.core.lifecycle import RunState
from tests.acceptance.engines import ask, engine, put, runs, say, until

MAIN = (
    "version: 1\ninclude: ['more/*.yaml']\njobs: {tick: {schedule: {every: 1s}, timeout: 1m, run: 'true'}}\n"
)
BAD = (
    (
        "params: {p: {type: string, pattern: '(a()?)+', default: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'}}"
        "\n    run: x",
        "JF501",
    ),
    ("steps: {" + ", ".join(f"s{at}: {{run: x}}" for at in range(8_000)) + "}", "JF017"),
    ("run: x\n" + "\n".join(f"    k{at}: 1" for at in range(4_000)), "JF101"),
)
"""What is in a job, and the code with which it is refused."""


def test_the_jobs_in_force_go_on_while_files_that_cost_much_are_refused(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    put(tmp_path / "more", "version: 1\njobs: {idle: {run: 'true'}}\n", "good.yaml")
    put(tmp_path, MAIN)
    with engine(tmp_path):
        until(lambda: ran(tmp_path) >= 1, "a first run")
        for body, code in BAD:
            put(tmp_path / "more", f"version: 1\njobs:\n  bad:\n    {body}\n", "bad.yaml")
            until(lambda code=code: any(code in line for line in refused(tmp_path)), f"{code} is told")
            assert len(str(refused(tmp_path))) < 20_000
            before = ran(tmp_path)
            until(lambda before=before: ran(tmp_path) >= before + 2, "two more runs")
        said = say(tmp_path, "check")
        assert said.returncode == 1
        assert len(said.stdout + said.stderr) < 1_000_000
        assert say(tmp_path, "plan").returncode == 1
    assert {one.exit_code for one in runs(tmp_path, "tick") if one.state.is_final} <= {0, None}


def refused(folder: Path) -> list[str]:
    """What the engine says of the files that it does not take."""
    rejected = ask(folder, "status")["rejected"]
    return rejected["diagnostics"] if rejected else []


def ran(folder: Path) -> int:
    return sum(one.state is RunState.SUCCEEDED for one in runs(folder, "tick"))
