"""Real engines tell a real watchdog how they are."""

from pathlib import Path

from tests.acceptance.engines import end, engine, events, start, until
from tests.web_servers import Server, reply, serving

JOBS = "version: 1\njobs:\n  tick: {schedule: {every: 1s}, run: 'true'}\n"
CHECK = "6f1a9c3e-check"


def lines(server: Server) -> list[str]:
    return [got.line.split()[1] for got in server.got]


def test_the_start_and_the_sums_of_today_are_told(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    kept = tmp_path / "url"
    with serving(reply()) as server:
        kept.write_text(f"http://127.0.0.1:{server.port}/{CHECK}\n")
        kept.chmod(0o600)
        with engine(tmp_path, JOBFILE_HEARTBEAT_URL=f"file:{kept}"):
            until(lambda: len(server.got) >= 2, "two pings")
        assert lines(server)[:2] == [f"/{CHECK}/start", f"/{CHECK}"]
        body = server.got[1].body.decode()
        assert body.startswith("today (UTC): ")
        assert "succeeded" in body
    log = (tmp_path / ".jobfile" / "engine.log").read_text()
    assert CHECK not in log
    assert events(tmp_path, "ChannelDown") == []


def test_an_engine_that_starts_nothing_says_so(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    with serving(reply()) as server:
        url = f"http://127.0.0.1:{server.port}/{CHECK}"
        process = start(tmp_path, JOBFILE_HEARTBEAT_URL=url, JOBFILE_MIN_FREE_MIB=999_999_999)
        until(lambda: len(server.got) >= 2, "two pings")
        end(process)
    assert lines(server)[:2] == [f"/{CHECK}/start", f"/{CHECK}/fail"]
    assert server.got[1].body.decode().startswith("nothing starts: disk space is low\n")


def test_an_invalid_url_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    process = start(tmp_path, JOBFILE_HEARTBEAT_URL="hc-ping.com/secret")
    assert process.wait(timeout=30) == 64
    assert not (tmp_path / ".jobfile").exists()
