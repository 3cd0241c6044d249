"""A real engine sends the spans of real runs to a real collector."""

from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.engines import engine, say, until
from tests.web_servers import Server, reply, serving

JOBS = """\
version: 1
jobs:
  traced: {run: 'echo "$TRACEPARENT"; exit 4'}
"""


def spans(server: Server) -> list:
    found = []
    for got in server.got:
        request = ExportTraceServiceRequest.FromString(got.body)
        found += [span for one in request.resource_spans for each in one.scope_spans for span in each.spans]
    return found


def test_the_spans_of_a_run_arrive_and_its_job_knows_its_own(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    settings = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=let-me-in",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    with serving(reply(b"", "Content-Type: application/x-protobuf")) as server:
        with engine(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.port}", **settings):
            said = say(tmp_path, "run", "traced")
            until(lambda: server.got, "spans")
        run, attempt = spans(server)
    version, trace_id, span_id, flags = said.stdout.strip().split("-")
    assert (version, flags) == ("00", "01")
    assert (run.name, attempt.name) == ("traced", "attempt 1")
    assert {run.trace_id.hex(), attempt.trace_id.hex()} == {trace_id}
    assert (attempt.span_id.hex(), attempt.parent_span_id) == (span_id, run.span_id)
    assert server.got[0].line.startswith("POST /v1/traces ")
    assert server.got[0].headers["authorization"] == b"let-me-in"
    assert "let-me-in" not in (tmp_path / ".jobfile" / "engine.log").read_text()


def test_the_last_run_before_the_end_is_sent_too(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    with serving(reply()) as server:
        with engine(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{server.port}"):
            for _ in range(3):
                say(tmp_path, "run", "traced")
        assert len(spans(server)) == 6
