"""`jobfile metrics` as users have it: served and written; with the engine running, stopped, and no ledger."""

import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.engines import engine, say, until

JOBS = "version: 1\njobs:\n  tick: {schedule: {every: 1s}, run: 'true'}\n"


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL of a real server."""
    words = [sys.executable, "-m", "engine.cli.main", "metrics", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().strip()
        finally:
            process.terminate()


def got(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_one_server_reports_no_ledger_then_a_running_and_a_stopped_engine(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    with serving(tmp_path) as url:
        assert url.endswith("/metrics")
        code, text = got(url)
        assert (code, "nothing is recorded yet" in text) == (503, True)
        with engine(tmp_path):
            until(lambda: "jobfile_up 1.0\n" in got(url)[1], "a running engine")
            until(lambda: 'job_name="tick",state="succeeded"} 1.0' in got(url)[1], "a success")
        code, text = got(url)
        assert (code, "jobfile_up 0.0\n" in text) == (200, True)
        assert got(url.replace("/metrics", "/else"))[0] == 404


def test_a_textfile_is_whole_and_readable_by_others(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    refused = say(tmp_path, "metrics", "--textfile", "out.prom")
    assert (refused.returncode, (tmp_path / "out.prom").exists()) == (64, False)
    assert say(tmp_path, "run", "tick").returncode == 0
    assert say(tmp_path, "metrics", "--textfile", "out.prom").returncode == 0
    written = tmp_path / "out.prom"
    assert written.read_text().endswith("\n")
    assert "jobfile_adds_up 1.0\n" in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == [".jobfile", "jobs.yaml", "out.prom"]
    assert say(tmp_path, "metrics", "--textfile", "no/such/out.prom").returncode == 1
    for wrong in ("9464", "host:", "host:99999", ":1"):
        said = say(tmp_path, "metrics", "--listen", wrong)
        assert (said.returncode, "expected HOST:PORT" in said.stderr) == (64, True)
