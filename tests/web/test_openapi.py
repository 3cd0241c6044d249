"""Schemathesis, the reference for OpenAPI, calls every operation of a real server as the document says."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.engines import engine, say, until
from tests.web.served import served

JOBS = """
version: 1
jobs:
  hello:
    params: {count: {type: integer, default: 3}}
    run: echo {{ params.count }} > kept.txt
    artifacts: ["kept.txt"]
  pair: {steps: {a: {run: "true"}, b: {run: "false"}}}
"""
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
IS_SOAK = bool(os.environ.get("JOBFILE_SOAK"))
PHASES, EXAMPLES = ("coverage,fuzzing", 30) if IS_SOAK else ("fuzzing", 3)
"""The soak calls each operation at every limit of its schema, and more often at random."""
GOOD_ANSWERS = 20
"""At least so many answers must be no refusals: these alone would prove little."""
NO_LIMIT = (
    "import engine.web.api.operations as o, engine.web.identity as i, engine.cli.main as m;"
    "o.count_request = id; i.FAILURES_PER_MINUTE = 10**6; m.main()"
)
"""The command without the limits of requests and wrong tokens in a minute: these have tests of their own."""
EXCLUDED = "positive_data_acceptance"
"""Which values are good depends on the jobs: a tag that no job has is 422, as the document says."""


@pytest.mark.timeout(1_200 if IS_SOAK else 120)
def test_the_server_answers_as_its_document_says(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    with engine(tmp_path):
        until(lambda: say(tmp_path, "run", "hello").returncode == 0)
        say(tmp_path, "run", "pair")
    [newest, *_] = json.loads(say(tmp_path, "runs", "hello", "--json").stdout)["runs"]
    given = {"path.job": "hello", "path.run": newest["id"], "path.number": "1"}
    lines = [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in given.items()]
    (tmp_path / "schemathesis.toml").write_text("\n".join(["[parameters]", *lines]))
    with served(tmp_path, "--listen", "127.0.0.1:0", code=NO_LIMIT) as server:
        words = [
            *(SCHEMATHESIS, "--config-file", "schemathesis.toml", "run", f"{server.url}api/v1/openapi.json"),
            *("--header", f"Authorization: Bearer {server.token}", "--max-examples", str(EXAMPLES)),
            *("--phases", PHASES, "--exclude-checks", EXCLUDED, "--generation-deterministic"),
            *(
                "--no-color",
                "--no-shrink",
                "--warnings",
                "off",
                "--report",
                "har",
                "--report-har-path",
                "all.har",
            ),
        ]
        said = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=dict(os.environ))
        assert said.returncode == 0, said.stdout
        assert "Tested: 42" in said.stdout
    entries = json.loads((tmp_path / "all.har").read_text())["log"]["entries"]
    statuses = Counter(one["response"]["status"] for one in entries)
    assert statuses[200] + statuses[202] >= GOOD_ANSWERS, statuses
    assert not statuses[429], "once there is one, it is the answer to everything, and documented"
