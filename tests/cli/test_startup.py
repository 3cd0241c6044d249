"""What a command imports: users wait for its start each time they ask."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WRITTEN_AND_READ = 'version: 1\njobs:\n  hello:\n    schedule: "0 8 * * *"\n    run: echo hello\n'
LOADED = """
import contextlib, dataclasses, io, json, sys
from engine.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run(sys.argv[1:])
ours = [(name, made) for name, made in sys.modules.items() if name.split(".")[0] in ("engine", "jobfile")]
classes = {one for _, module in ours for one in vars(module).values() if dataclasses.is_dataclass(one)}
slow = [one for one in classes if one.__dataclass_params__.init]
made = {one for _, module in ours for one in vars(module).values() if isinstance(one, type)}
slow += [one for one in made if str(one.__new__.__module__).startswith("namedtuple_")]
slow = [f"{one.__module__}.{one.__name__}" for one in slow]
print(json.dumps({"code": code, "modules": sorted(sys.modules), "slow": sorted(slow)}))
"""
READERS = ("jinja2", "jsonschema", "yaml", "jobfile.checks", "jobfile.pipeline", "jobfile.shell")
EXECUTION = (
    "subprocess",
    "logging",
    "asyncio",
    "watchdog",
    "hashlib",
    "tempfile",
    "statistics",
    "engine.loops",
    "engine.execution",
    "engine.cli.remote",
    "urllib3",
)
RARE = (
    "engine.answers.as_json",
    "engine.answers.artifacts",
    "engine.host.lock",
    "engine.supervisor",
    "pkgutil",
    "shlex",
)
"""What an answer has no use for while no engine runs, and the text is for a person."""
COMMANDS = {
    "runs": (
        *READERS,
        *EXECUTION,
        *RARE,
        "engine.answers.counting",
        "jobfile.schedule.occurrences",
        "engine.core.events",
    ),
    "did hello": (*READERS, *EXECUTION, *RARE, "engine.core.events", "engine.answers.reasons", "heapq"),
    "check": (
        "jinja2",
        "jsonschema",
        "jsonschema_rs",
        "watchdog",
        "subprocess",
        "sqlite3",
        "engine.ledger.sqlite",
        "engine.core.lifecycle",
        "engine.core.reasons",
        "engine.actions.registry",
    ),
    "list": ("jinja2", "jsonschema", "watchdog", "subprocess", "engine.loops", "engine.execution"),
}
"""Commands, each with packages and modules that it has no use for."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a job that ran once."""
    made = tmp_path_factory.mktemp("startup")
    (made / "jobs.yaml").write_text(WRITTEN_AND_READ)
    run_it = [sys.executable, "-m", "engine.cli.main", "run", "hello"]
    subprocess.run(run_it, cwd=made, capture_output=True, check=True)
    return made


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_imports_what_it_needs_and_makes_its_classes_quickly(command: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert (found["code"], done.stderr) == (0, "")
    needless = [
        one for one in found["modules"] if any(f"{one}.".startswith(f"{no}.") for no in COMMANDS[command])
    ]
    assert needless == []
    assert found["slow"] == []


def test_python_searches_for_garbage_while_a_command_works_but_not_at_its_start_and_its_end() -> None:
    program = (
        "import atexit, gc\n"
        "gc.callbacks.append(lambda phase, about: print(phase, 'of generation', about['generation']))\n"
        "from engine.cli.main import main\n"
        "assert gc.isenabled()\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 10_000, len(gc.get_objects()) < 1_000))\n"
        "main(['--version'])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    version, frozen, *searches = done.stdout.splitlines()
    assert version.startswith("jobfile, version ")
    assert (frozen, done.stderr) == ("True True", "")
    # Of nothing, and in its very last moments: Python always does this one, but may print nothing any more.
    assert searches in ([], ["start of generation 2", "stop of generation 2"])
