"""`jobfile notify`: a test message reaches a channel, and a preview shows a message without sending it."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import JOBS, Jobfile
from tests.cli.test_files import fits

CHANNELS = """\
channels:
  good: {command: [sh, -c, "cat > got.json"]}
  bad: {command: [sh, -c, "echo no route >&2; exit 3"]}
"""
WITH_CHANNELS = JOBS.replace("jobs:", f"{CHANNELS}jobs:").replace(
    "  bad:\n    run:", "  bad:\n    owner: anna\n    notify: {failed: [good, bad]}\n    run:"
)


@pytest.fixture(autouse=True)
def files(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(WITH_CHANNELS)


def test_a_test_says_whether_the_channel_got_the_message(jobfile: Jobfile, tmp_path: Path) -> None:
    found = jobfile("notify", "test", "good")
    assert (found.code, found.out.startswith("channel good got the message, in ")) == (0, True)
    assert "test message for channel good" in (tmp_path / "got.json").read_text()
    failed = jobfile("notify", "test", "bad")
    assert failed.code == 1
    assert failed.out == "channel bad did NOT get the message: exit code 3: no route\n"


def test_the_json_of_a_test_fits_its_schema(jobfile: Jobfile) -> None:
    for name, code in (("good", 0), ("bad", 1)):
        found = jobfile("notify", "test", name, "--json")
        assert found.code == code
        fits(found.json, "notify-test")
        assert found.json["delivered"] is (code == 0)


def test_a_preview_shows_the_message_and_sends_nothing(jobfile: Jobfile, tmp_path: Path) -> None:
    jobfile("run", "bad")
    found = jobfile("notify", "preview", "bad", "failed")
    assert found.code == 0
    first, _, *lines = found.out.splitlines()
    assert first == "bad failed: exit code 7"
    assert [line.split()[0] for line in lines[:7]] == ["job", "what", "when", "ran", "exit", "owner", "look"]
    assert lines[-2:] == ["last lines of its output (1 line):", "  trouble"]
    assert not (tmp_path / "got.json").exists()
    run_id = jobfile("runs", "--json").json["runs"][0]["id"]
    assert jobfile("notify", "preview", run_id[:8], "recovered").out.startswith("bad has recovered\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("test", "god"), "the job file has no channel `god`; did you mean good?"),
        (("test",), "name one channel"),
        (("preview", "bad"), "name a job or run, and an event"),
        (("preview", "bad", "fialed"), "`fialed` is not an event; the events are failed, missed,"),
    ],
)
def test_a_mistake_is_explained(jobfile: Jobfile, words: tuple[str, ...], text: str) -> None:
    found = jobfile("notify", *words)
    assert found.code == 64
    assert text in found.err


def test_a_preview_of_another_event_says_nothing_that_is_only_true_of_the_run(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    expects = "bad:\n    expect: {success_every: 26h}\n    owner: anna"
    (tmp_path / "jobs.yaml").write_text(WITH_CHANNELS.replace("bad:\n    owner: anna", expects))
    jobfile("run", "bad")
    missed = jobfile("notify", "preview", "bad", "missed").out
    assert missed.startswith("bad did not run\n")
    assert "exit code" not in missed
    assert "trouble" not in missed
    late = jobfile("notify", "preview", "bad", "late").out
    assert late.startswith("bad is late: no success for 1d2h (limit 1d2h)\n")
    assert "expected  a success every 1d2h" in late
    jobfile("run", "good")
    never = jobfile("notify", "preview", "good", "late")
    assert (never.code, "never late" in never.err) == (64, True)
    (tmp_path / "jobs.yaml").write_text(WITH_CHANNELS.replace("bad:\n", "bad:\n    expect: {usual: true}\n"))
    jobfile("run", "bad")
    assert jobfile("notify", "preview", "bad", "odd").out.startswith("bad was unusual\n")
    never = jobfile("notify", "preview", "good", "odd")
    assert (never.code, "no run of job good is odd" in never.err) == (64, True)


def test_the_preview_of_a_digest_is_the_report_until_now(jobfile: Jobfile, tmp_path: Path) -> None:
    with_digest = WITH_CHANNELS.replace('got.json"]}', 'got.json"], digest: {schedule: "@daily"}}')
    (tmp_path / "jobs.yaml").write_text(with_digest)
    jobfile("run", "bad")
    found = jobfile("notify", "preview", "good", "digest")
    assert found.code == 0
    assert found.out.startswith("report: 1 of 1 expected run needs attention\n")
    fits(jobfile("notify", "preview", "good", "digest", "--json").json, "notify-preview")
    without = jobfile("notify", "preview", "bad", "digest")
    assert (without.code, "has no `digest`" in without.err) == (64, True)


@pytest.mark.parametrize("is_installed", [True, False])
def test_check_says_that_the_library_of_a_channel_is_missing(tmp_path: Path, is_installed: bool) -> None:
    """So do a dry run, and the test of the channel."""
    channel = 'team: {apprise: [URL], secrets: {URL: "env:URL"}}'
    (tmp_path / "jobs.yaml").write_text(
        f"version: 1\nchannels: {{{channel}}}\njobs: {{a: {{run: echo, notify: {{failed: [team]}}}}}}\n"
    )
    missing = "" if is_installed else "sys.modules['apprise'] = None; "
    for command, words in (("check", "[JF631]"), ("run a --dry-run", "channel `team` needs the library")):
        program = f"import sys; {missing}from engine.cli.main import main; main({command.split()!r})"
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (words in " ".join(done.stdout.split())) is not is_installed, done
        assert ("pip install 'jobfile[notify]'" in done.stdout) is not is_installed
