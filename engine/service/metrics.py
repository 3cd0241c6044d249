"""The metrics of a state folder in the text form of Prometheus: printed, in a file, or over HTTP.

It reads the ledger as any command does, so it works without an engine, and cannot disturb one.
"""

import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from engine.answers.expected import INSTANT
from engine.answers.listing import list_jobs
from engine.answers.metrics import WINDOW, Family, make_metrics
from engine.answers.report import make_report
from engine.answers.status import make_status
from engine.config import EngineConfig
from engine.core.errors import JobfileError
from engine.host.lock import engine_bug, engine_stuck, engine_trouble
from engine.ledger.ports import View
from engine.service.presence import presence_at
from jobfile import __version__

PATHS: Final = ("/metrics", "/")
CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
CLIENT_SECONDS: Final = 30.0
"""How long a client may take to send its request, or to read the answer."""


def collect(config: EngineConfig, view: View, *, now: datetime) -> tuple[Family, ...]:
    """The metrics of a state folder, of one moment."""
    presence = presence_at(config, view, now=now)
    status = make_status(
        view,
        presence=presence,
        file=None,  # compiling the files at each collection would cost more than all the rest
        free_bytes=shutil.disk_usage(config.state_dir).free,
        now=now,
        trouble=engine_trouble(config.state_dir),
        bug=engine_bug(config.state_dir),
        stuck=engine_stuck(config.state_dir),
    )
    listed = list_jobs(view, None, presence=presence, now=now, has_file=None, main_file="")
    report = make_report(view, since=now - WINDOW, until=now + INSTANT, now=now, presence=presence)
    return make_metrics(view, status=status, listed=listed, report=report, version=__version__, now=now)


def metrics_text(families: Sequence[Family]) -> bytes:
    """The text form, version 0.0.4: what /metrics answers."""
    return generate_latest(_Collected(families))


class _Collected:
    """The families as the library's objects."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return map(_metric, self._families)


def _metric(family: Family) -> Metric:
    names = [name for name, _ in family.samples[0].labels] if family.samples else []
    if not family.bounds:
        gauge = GaugeMetricFamily(family.name, family.help, labels=names)
        for one in family.samples:
            gauge.add_metric([value for _, value in one.labels], one.value)
        return gauge
    histogram = HistogramMetricFamily(family.name, family.help, labels=names)
    bounds = [*map(str, family.bounds), "+Inf"]
    for one in family.samples:
        counts = [sum(one.counts[: n + 1]) for n in range(len(bounds))]
        buckets = [*zip(bounds, map(float, counts), strict=True)]
        histogram.add_metric([value for _, value in one.labels], buckets, one.value)
    return histogram


class MetricsServer(ThreadingHTTPServer):
    """Answers GET /metrics; each answer is collected at its request, one at a time."""

    daemon_threads = True

    def __init__(self, host: str, port: int, answer: Callable[[], bytes]) -> None:
        """Take the port. Raises OSError."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), partial(_Handler, answer, threading.Lock()))

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/metrics"


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_SECONDS

    def __init__(self, answer: Callable[[], bytes], lock: threading.Lock, *about: object) -> None:
        self._answer, self._lock = answer, lock
        super().__init__(*about)  # type: ignore[arg-type]  # what the server passes

    def do_GET(self) -> None:
        """Answer with the metrics, or say why there are none."""
        if self.path.partition("?")[0] not in PATHS:
            self._reply(HTTPStatus.NOT_FOUND, b"the metrics are at /metrics\n")
            return
        try:
            with self._lock:
                content = self._answer()
        except JobfileError as error:
            self._reply(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode())
            return
        self._reply(HTTPStatus.OK, content)

    def _reply(self, status: HTTPStatus, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a line for each collection would only fill the log."""
