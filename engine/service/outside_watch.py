"""Reports to the outside watchdog of this engine: with today's sums, counted in a process of its own."""

import json
import sys
from datetime import UTC, datetime
from typing import Final

from engine.answers.report import VERDICTS
from engine.channels.ping import FAIL, START, SUCCESS, Ping, send_ping
from engine.config import EngineConfig
from engine.execution.launcher_client import listen
from engine.notifications.heartbeat import Sums, make_beat
from engine.ports import Clock
from jobfile.model.pinging import ping_problem

HEARTBEAT_VARIABLE: Final = "JOBFILE_HEARTBEAT_URL"
"""The variable with the URL to ping, or with `file:/PATH` or `env:NAME`, where it is read from."""
COUNT_SECONDS: Final = 60.0
"""Longest time to count today's runs; the ping goes out without the sums if that takes longer."""
COUNT_EVERY: Final = 300.0
"""How old the sums of a ping may be, in seconds: counting is the expensive part."""
MAX_COUNTED_BYTES: Final = 64 * 2**20
_COUNT: Final = ("-P", "-X", "utf8", "-m", "engine.cli.main", "report", "--json")


def heartbeat_target(config: EngineConfig) -> str:
    """What is pinged; empty if nothing is."""
    return config.environ.get(HEARTBEAT_VARIABLE, "").strip()


def heartbeat_problem(config: EngineConfig) -> str:
    """Why the setting cannot be used, without its value; empty if it can."""
    target = heartbeat_target(config)
    problem = ping_problem(target) if target else ""
    return f"{HEARTBEAT_VARIABLE}: {problem}" if problem else ""


class Teller:
    """Sends one ping at a time."""

    def __init__(self, config: EngineConfig, clock: Clock) -> None:
        """Nothing is sent yet."""
        self._config = config
        self._clock = clock
        self._sums = Sums()
        self._counted_at: float | None = None

    def tell(self, hold: str | None) -> str:
        """Ping with the reason of a hold, '' for none, or None for the start; return why the ping failed."""
        if hold is None:
            ping = Ping(START, "the engine starts")
        else:
            beat = make_beat(hold, self._todays_sums())
            ping = Ping(SUCCESS if beat.is_well else FAIL, beat.words)
        failure = send_ping(heartbeat_target(self._config), ping, self._config)
        return "" if failure is None else failure.error

    def _todays_sums(self) -> Sums:
        now = self._clock.elapsed()
        if self._counted_at is None or now - self._counted_at >= COUNT_EVERY or self._sums.error:
            self._sums = count_today(self._config, self._clock.now())
            self._counted_at = now
        return self._sums


def count_today(config: EngineConfig, now: datetime) -> Sums:
    """Ask `jobfile report` about today, in a process of its own: it may have much to count."""
    day = now.astimezone(UTC).strftime("%Y-%m-%dT00:00:00Z")
    place = ("-f", str(config.main_file.absolute()), "--state", str(config.state_dir))
    try:
        heard = listen(
            (sys.executable, *_COUNT, "--since", day, *place),
            env=config.environ,
            text=b"",
            most_bytes=MAX_COUNTED_BYTES,
            memory_bytes=None,
            timeout_seconds=COUNT_SECONDS,
        )
        found = json.loads(heard.out)
        verdicts = {verdict: found[verdict] for verdict in VERDICTS}
        return Sums(found["expected"], verdicts, found["adds_up"])
    except (OSError, ValueError, KeyError):  # an error as JSON has other keys
        return Sums(error="`jobfile report` gave no answer")
