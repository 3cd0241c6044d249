"""Variables from files, as a run gets them."""

from pathlib import Path

from tests.cli.conftest import Jobfile

SAMPLE = Path(__file__).parents[2] / "samples" / "env_file.yaml"
JOBS = """\
version: 1
defaults: {env_file: a.env}
jobs:
  both:
    env_file: [a.env, b.env]
    env: {X: from env}
    run: echo "$X, $Y, $Z, ${CODE:-}"
  inherits:
    steps:
      one: {run: 'echo "$X"'}
      two: {run: 'echo "${X:-unset}"', env_file: b.env}
  masked:
    env_file: {path: secret.env, secret: true}
    run: echo "$TOKEN"
"""


def write(name: str, text: str, mode: int = 0o600) -> None:
    Path(name).write_text(text)
    Path(name).chmod(mode)


def test_the_sample_runs_with_its_files_and_without(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(SAMPLE.read_text())
    assert jobfile("run", "greet").out == "Hello nobody \n"
    write("greeting.env", "NAME='Kari N.'\nGREETING=not this\n")
    write("secret.env", "TOKEN=hunter2hunter2\n")
    assert jobfile("run", "greet").out == "Hello Kari N. ***\n"


def test_env_counts_more_than_files_and_later_files_more_than_earlier(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(JOBS)
    write("a.env", "X=a\nY=a\nZ=a\n")
    write("b.env", "Y=b\nCODE='$(id)'\n")
    assert jobfile("run", "both").out == "from env, b, a, $(id)\n"
    assert sorted(jobfile("run", "inherits").out.splitlines()) == ["one | a", "two | unset"]
    shown = jobfile("show", "both").out
    assert "env_file" in shown
    assert "b.env" in shown


def test_what_is_wrong_with_a_file_is_told_and_nothing_runs(jobfile: Jobfile) -> None:
    Path("jobs.yaml").write_text(JOBS)

    def failed(job: str) -> str:
        said = jobfile("run", job)
        assert said.code == 3
        run = jobfile("runs", job, "--json", "--limit", "1").json["runs"][0]
        assert (run["state"], run["reason"]) == ("failed", "env_file")
        assert "hunter2" not in said.out + said.err + run["detail"]
        return str(run["detail"])

    path = Path("secret.env").absolute()
    assert failed("masked") == f"env_file `secret.env` is not there: {path}: No such file or directory"
    write("secret.env", "TOKEN=hunter2hunter2\n", 0o666)
    assert f"env_file `secret.env`: users other than its owner may change {path}" in failed("masked")
    write("secret.env", "A=1\nTOKEN='hunter2hunter2\n")
    assert failed("masked") == f"{path}:2: the quote ' is never closed"
    write("secret.env", "LD_PRELOAD=hunter2.so\n")
    assert failed("masked").startswith(f"{path}:1: LD_PRELOAD decides what runs")
    write("secret.env", "TOKEN=hunt\n")
    assert (
        failed("masked") == f"{path}:1: TOKEN is shorter than 6 bytes and could not be masked in the output"
    )
    said = jobfile("run", "both", "--dry-run")
    assert said.code == 6
    assert "a.env" in said.out
