"""What docs/client.md shows works as it stands: a shell script, a Makefile, an agent, programs, Django."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.engines import STATE, engine, put, runs, until
from tests.known import ROOT
from tests.web.served import served

TEXT = (ROOT / "docs" / "client.md").read_text()
PROGRAM = {"agent": 0, "submit": 1, "submit_many": 2, "django": 3, "connect": 4}
"""The Python examples, in their order."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The job file of the document, with an engine."""
    made = tmp_path_factory.mktemp("docs")
    put(made, blocks("yaml")[0])
    with engine(made):
        yield made


def execute(folder: Path, *command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    python_path = os.pathsep.join([str(ROOT), *sys.path])  # as if everything were installed
    env = {**os.environ, "PATH": path, "PYTHONPATH": python_path, **environ}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def run_of_user(folder: Path, user: int) -> str:
    """The state of the one run for a user."""
    (found,) = [run for run in runs(folder) if run.params["user_id"] == user]
    return found.state.value


def test_the_script_can_be_run_twice(folder: Path) -> None:
    (script,) = blocks("sh")
    (folder / "load.sh").write_text(script)
    first, second = (execute(folder, "sh", "load.sh") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout == second.stdout
    assert re.fullmatch(r"done: [0-9a-f]{32}\n", first.stdout)
    assert second.stderr.count("duplicate of") == 2
    assert [run_of_user(folder, user) for user in (7, 8)] == ["succeeded", "succeeded"]


def test_the_makefile_can_be_made_twice(folder: Path) -> None:
    (text,) = blocks("make")
    (folder / "Makefile").write_text(text)
    for _ in range(2):
        done = execute(folder, "make", "announce")
        assert done.returncode == 0, done.stderr
    assert run_of_user(folder, 9) == "succeeded"


def test_the_agent_reads_the_outputs_or_what_went_wrong(folder: Path) -> None:
    program = blocks("python")[PROGRAM["agent"]]
    done = execute(folder, sys.executable, "-c", program)
    assert done.stdout == "{'mail': 'welcome-1044'}\n", done.stderr
    wrong = execute(folder, sys.executable, "-c", program.replace("user_id=1044", "user_id=x"))
    assert "expected an integer, found `x`" in wrong.stdout
    assert "jobfile run --help" in wrong.stdout


def test_the_agent_gets_the_output_of_what_failed(folder: Path, tmp_path: Path) -> None:
    put(tmp_path, blocks("yaml")[0].replace("    run: |\n", "    run: |\n      echo trouble; exit 3\n"))
    done = execute(tmp_path, sys.executable, "-c", blocks("python")[PROGRAM["agent"]])
    assert "welcome-email: failed after" in done.stdout, done.stderr
    assert "\ntrouble\n" in done.stdout


def test_the_programs_submit(folder: Path) -> None:
    one, many = (blocks("python")[PROGRAM[name]] for name in ("submit", "submit_many"))
    first, second = (execute(folder, sys.executable, "-c", one) for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{32} False queued\n", first.stdout), first.stderr
    run_id = first.stdout.split()[0]
    assert second.stdout.startswith(f"{run_id} True "), second.stderr
    assert execute(folder, sys.executable, "-c", many).stdout == "100 new runs\n"
    assert execute(folder, sys.executable, "-c", many).stdout == "0 new runs\n"
    until(lambda: run_of_user(folder, 1045) == "succeeded", "the engine was woken")


def test_the_program_asks_a_server(folder: Path) -> None:
    program = blocks("python")[PROGRAM["connect"]]
    with served(folder, "--listen", "127.0.0.1:0") as server:
        here = program.replace("https://jobs.example.org", server.url)
        done = execute(folder, sys.executable, "-c", here, JOBFILE_TOKEN=server.token)
    assert done.stdout == "succeeded welcome-1046\nsucceeded\n", done.stderr


SETTINGS = """
from django.conf import settings

settings.configure(
    SECRET_KEY="x", ROOT_URLCONF="urls", ALLOWED_HOSTS=["testserver"], INSTALLED_APPS=["customers"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True,
)
import django

django.setup()
"""
MODELS = """
from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=100, unique=True)
"""
ASK = """
import json
import app_settings
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client

call_command("migrate", run_syncdb=True, verbosity=0)
client = Client()
print(json.dumps(client.post("/sign-up", {"name": "kari"}).json()))
try:
    client.post("/sign-up", {"name": "kari"})
except IntegrityError:
    print("rolled back")
"""
URLS = "from django.urls import path\n\nimport views\n\nurlpatterns = [path('sign-up', views.sign_up)]\n"


def test_the_view_of_django_submits_when_its_transaction_is_committed(folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "customers").mkdir(parents=True)
    for name, text in {
        "views.py": blocks("python")[PROGRAM["django"]],
        "urls.py": URLS,
        "app_settings.py": SETTINGS,
        "customers/__init__.py": "",
        "customers/models.py": MODELS,
    }.items():
        (site / name).write_text(text)
    done = execute(site, sys.executable, "-c", ASK, JOBFILE_STATE=str(folder / STATE))
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert json.loads(first) == {"customer": 1}
    assert second == "rolled back"
    until(lambda: run_of_user(folder, 1) == "succeeded", "the welcome mail")
