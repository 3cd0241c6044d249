"""Jobs in containers, with a stand-in for docker whose containers are real processes."""

import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.actions.prepare import prepare
from engine.config import EngineConfig
from engine.ports import LaunchOrder
from jobfile.model.environment import FENCE
from jobfile.model.jobs import ContainerSpec
from tests.builders import NOON, a_job, a_run
from tests.cli.conftest import Jobfile
from tests.engine.containers import Docker, docker_in

SECRET = "several\nlines 'quoted' \\ and a $HOME"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    with docker_in(tmp_path / "bin") as made:
        monkeypatch.setenv("PATH", f"{made.folder}:{os.environ['PATH']}")
        yield made


def put(folder: Path, *jobs: str) -> None:
    lines = "\n".join(f"  {one}" for one in jobs)
    (folder / "jobs.yaml").write_text(f"version: 1\njobs:\n{lines}\n")


def test_a_script_runs_inside_with_its_values_and_its_exit_code(
    jobfile: Jobfile, tmp_path: Path, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", SECRET)
    monkeypatch.setenv("LANG", "of the engine")
    put(
        tmp_path,
        'a:\n    container: {image: alpine}\n    secrets: {KEY: env:KEY}\n    env: {A: "b\\nc"}\n'
        '    params: {p: {type: string, default: "x\\ny"}}\n    outputs: {found: {type: boolean}}\n'
        "    run: |\n"
        '      echo "$A-{{ params.p }}"; pwd; ls "$TMPDIR"\n'
        '      echo "${LANG-none} ${HOME-none}"; echo \'{"found": true}\' >> "$JOBFILE_OUTPUT"; exit 3',
    )
    said = jobfile("run", "a")
    assert said.code == 1
    assert "exit code 3" in said.err
    (run,) = docker.calls("run")
    folder = next(one.partition(":")[2] for one in run if one.startswith("--volume="))
    assert said.out.splitlines()[:4] == ["b", "c-x", "y", folder]
    assert "none none" in said.out, "of the engine's own variables, only those that a job names"
    assert not any("several" in word for words in docker.calls() for word in words)


def test_a_container_on_one_of_several_hosts_gets_the_number_of_its_delivery(
    tmp_path: Path, docker: Docker
) -> None:
    assert docker.folder.is_dir(), "it is the one that is found"
    spec = a_job(container=ContainerSpec(image="alpine"))
    config = EngineConfig(main_file=tmp_path / "jobs.yaml", state_dir=tmp_path, environ=dict(os.environ))
    order = prepare(a_run(spec), spec, config, now=NOON, last_success=None, fence=812)
    assert isinstance(order, LaunchOrder), order
    assert order.env[FENCE] == "812"
    assert f"--env={FENCE}" in order.argv


def test_a_secret_arrives_byte_for_byte(
    jobfile: Jobfile, tmp_path: Path, docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", SECRET)
    body = 'import os; open(os.environ["JOBFILE_RUN_DIR"] + "/got", "w").write(os.environ["KEY"])'
    put(
        tmp_path,
        "a:\n    container: {image: alpine}\n    secrets: {KEY: env:KEY}\n"
        f"    command: [python3, -c, {json.dumps(body)}]",
    )
    assert jobfile("run", "a").code == 0
    (got,) = (tmp_path / ".jobfile/runs").rglob("got")
    assert got.read_text() == SECRET
    assert docker.calls("run")


def test_the_command_is_whole_and_the_container_is_removed(
    jobfile: Jobfile, tmp_path: Path, docker: Docker
) -> None:
    put(
        tmp_path,
        "a:\n    container: {image: 'alpine:3', pull: always, network: none, "
        "mounts: ['./data:/data:ro', 'v:/v'], args: [--read-only, '--user=1000']}\n    working_dir: /usr\n"
        "    limits: {memory: 64MiB, processes: 5, cpu_seconds: 9, open_files: 99, file_size: 1MiB, "
        "core: 0}\n"
        "    command: [pwd]",
    )
    assert jobfile("run", "a").out == "/usr\n"
    (run,) = docker.calls("run")
    name = run[1].removeprefix("--name=")
    run_id = name.removeprefix("jobfile-").partition(".")[0]
    folder = tmp_path / ".jobfile/runs" / run_id[:2] / run_id
    kept = [word for word in run[4:] if not word.startswith("--env=")]
    assert run[:4] == [
        "run",
        f"--name=jobfile-{run_id}.1",
        "--label=jobfile.job=a",
        f"--label=jobfile.run={run_id}",
    ]
    assert kept == [
        *("--pull=always", "--log-driver=none", "--network=none", "--security-opt=no-new-privileges"),
        *(
            "--workdir=/usr",
            f"--volume={folder}:{folder}",
            f"--volume={tmp_path}/data:/data:ro",
            "--volume=v:/v",
        ),
        *("--memory=67108864", "--memory-swap=67108864", "--pids-limit=5", "--ulimit=cpu=9:11"),
        *("--ulimit=nofile=99", "--ulimit=fsize=1048576", "--ulimit=core=0", "--read-only", "--user=1000"),
        *("--entrypoint=pwd", "alpine:3"),
    ]
    assert docker.calls("rm") == [["rm", "--force", "--volumes", name]]


def test_a_dry_run_shows_the_command_that_is_executed(
    jobfile: Jobfile, tmp_path: Path, docker: Docker
) -> None:
    put(
        tmp_path,
        "a:\n    container: {image: alpine}\n    params: {p: {type: string, default: x}}\n"
        "    run: echo {{ params.p }}",
    )
    dry = jobfile("run", "a", "--dry-run", "--json")
    assert dry.code == 0
    facts = dict(dry.json["facts"])
    assert facts["program"] == "sh   in the image alpine"
    shown = shlex.split(facts["container"])
    assert jobfile("run", "a").code == 0
    (run,) = docker.calls("run")
    run_id = run[1].removeprefix("--name=jobfile-").partition(".")[0]
    executed = [word.replace(run_id, "RUN").replace("/runs/" + run_id[:2], "/runs/RU") for word in run]
    assert shown[0] == str(docker.folder / "docker")
    assert sorted(shown[1:]) == sorted(executed)


@pytest.mark.parametrize(
    ("image", "body", "words"),
    [
        ("absent", "true", "exit code 125: its container could not be made; the output says why"),
        ("alpine", "exit 125", "exit code 125"),
        ("greedy", "exit 137", "it needed more memory than `limits.memory` allows"),
    ],
)
def test_what_the_runtime_knows_of_an_end_is_told(
    jobfile: Jobfile, tmp_path: Path, docker: Docker, image: str, body: str, words: str
) -> None:
    put(tmp_path, f"a: {{container: {{image: {image}}}, run: {body}}}")
    said = jobfile("run", "a")
    assert f": {words}  (run" in said.err
    assert docker.calls("rm")


def test_a_timeout_reaches_the_program_and_leaves_no_container(
    jobfile: Jobfile, tmp_path: Path, docker: Docker
) -> None:
    put(
        tmp_path,
        "polite: {container: {image: a}, timeout: 1s, kill_grace: 10s, command: [python3, -c, "
        + json.dumps(
            "import signal, sys, time; signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit(0)));"
            "print('ready', flush=True); time.sleep(600)"
        )
        + "]}",
        "deaf: {container: {image: a}, timeout: 1s, kill_grace: 1s, run: \"trap '' TERM; sleep 600\"}",
    )
    assert "timed_out" in jobfile("run", "polite").err
    assert "timed_out" in jobfile("run", "deaf").err
    runs, removed = docker.calls("run"), docker.calls("rm")
    assert [words[1].removeprefix("--name=") for words in runs] == [words[-1] for words in removed]


def test_steps_have_the_container_of_their_job_or_their_own_or_none(
    jobfile: Jobfile, tmp_path: Path, docker: Docker
) -> None:
    put(
        tmp_path,
        "a: {container: {image: one}, steps: {x: {run: 'true'}, y: {run: 'true', container: {image: two}}, "
        "z: {run: 'true', container: null}}}",
    )
    assert jobfile("run", "a").code == 0
    images = [next(word for word in words[1:] if not word.startswith("--")) for words in docker.calls("run")]
    assert images == ["one", "two"]


def test_a_job_without_a_runtime_is_refused_in_one_sentence(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a: {container: {image: one, runtime: podman}, run: 'true'}")
    monkeypatch.setenv("PATH", str(tmp_path))
    said = jobfile("run", "a")
    assert said.code == 1
    assert "its container needs podman, which is not on the engine's PATH" in said.err
    assert "needs podman" in jobfile("run", "a", "--dry-run").out
