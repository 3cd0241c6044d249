"""The README's commands, typed as they stand, say what the README says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.known import known_files

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def session(text: str = README) -> list[tuple[str, list[str]]]:
    """The commands of the console blocks, each with the lines that it prints."""
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert lines
    steps: list[tuple[str, list[str]]] = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def matches(shown: str, line: str) -> bool:
    """`…` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), line) is not None


def test_the_first_minute_goes_as_the_readme_says(tmp_path: Path) -> None:
    type_and_compare(session(), tmp_path)


@pytest.mark.parametrize(
    "document",
    [
        "docs/time.md",
        "docs/testing.md",
        "docs/review.md",
        "docs/client.md",
        "docs/notifications.md",
        "docs/report.md",
        "docs/page.md",
    ],
)
def test_a_document_says_what_its_commands_say(document: str, tmp_path: Path) -> None:
    """The YAML blocks above a command are its files: what has tests is a case file."""
    text = (ROOT / document).read_text()
    for part in re.findall(r".*?```console\n.*?```", text, re.DOTALL):
        for block in re.findall(r"```yaml\n(.*?)```", part, re.DOTALL):
            (tmp_path / ("jobs.test.yaml" if "\ntests:" in block else "jobs.yaml")).write_text(block)
        type_and_compare(session(part), tmp_path)


def test_the_cases_of_requests_pass(tmp_path: Path) -> None:
    """Their job is shown in the page about requests."""
    job = re.search(r"```yaml\n(version: 1\n.*?)```", (ROOT / "docs/http.md").read_text(), re.DOTALL)
    cases = re.search(r"```yml\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.DOTALL)
    assert job is not None
    assert cases is not None
    (tmp_path / "jobs.yaml").write_text(job[1])
    (tmp_path / "jobs.test.yaml").write_text(cases[1])
    type_and_compare([("jobfile test", ["2 passed, 0 failed in …"])], tmp_path)


def type_and_compare(steps: list[tuple[str, list[str]]], folder: Path) -> None:
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command, shown in steps:
        done = subprocess.run(
            command, shell=True, cwd=folder, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        printed = (done.stdout + done.stderr).splitlines()
        for line in shown:
            assert any(matches(line, one) for one in printed), f"{command} does not print {line!r}: {printed}"


def test_every_job_file_that_a_document_shows_is_valid(tmp_path: Path) -> None:
    for document in known_files("docs", "*.md"):
        blocks = re.findall(r"```yaml\n(version: 1\n+(?!tests:).*?)```", document.read_text(), re.DOTALL)
        for number, block in enumerate(blocks):
            (tmp_path / f"{document.stem}-{number}.yaml").write_text(block)
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) > 5
    jobfile = Path(sys.executable).parent / "jobfile"
    done = subprocess.run(
        [jobfile, "check", *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_file_shown_is_the_file_that_init_writes(tmp_path: Path) -> None:
    jobfile = Path(sys.executable).parent / "jobfile"
    subprocess.run([jobfile, "init"], cwd=tmp_path, capture_output=True, check=True)
    shown = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    written = (tmp_path / "jobs.yaml").read_text()
    assert written.partition("\n")[2] == shown[1]


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "samples/README.md",
        "docs/time.md",
        "docs/operations.md",
        "docs/answers.md",
        "docs/report.md",
        "docs/events.md",
    ],
)
def test_every_file_that_is_named_is_there(document: str) -> None:
    text = (ROOT / document).read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert ((ROOT / document).parent / target).exists(), target
    for path in re.findall(
        r"`((?:jobfile|engine|tests|schemas|samples|bench)/[\w/.]+\.(?:py|yaml|sql|md))`", text
    ):
        assert re.search("NAME|CODE", path) or (ROOT / path).exists(), path
