"""How long commands take to start, against `python -c "import click"`."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMES = 15
JOBFILE = str(Path(sys.executable).parent / "jobfile")
SMALL = 'version: 1\njobs:\n  hello:\n    schedule: "0 8 * * *"\n    run: echo hello\n    timeout: 1m\n'


def seconds(command: list[str], folder: Path) -> float:
    """The median of some runs: start-up is what people wait for, so nothing is left out."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    took = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
        took.append(time.perf_counter() - begin)
    return sorted(took)[TIMES // 2]


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "jobs.yaml").write_text(SMALL)
        subprocess.run([JOBFILE, "run", "hello"], cwd=folder, capture_output=True, check=True)
        click = seconds([sys.executable, "-c", "import click"], folder)
        rows = (
            ("jobfile --help", ["--help"], 1.25),
            ("jobfile did", ["did", "hello"], 2.0),
            ("jobfile runs", ["runs"], 2.0),
            ("jobfile check, a small file", ["check"], 2.5),
        )
        return [
            {
                "name": what,
                "figure": (took := seconds([JOBFILE, *arguments], folder)) * 1000,
                "unit": "ms",
                "reference": 'python -c "import click"',
                "reference_figure": click * 1000,
                "ratio": took / click,
                "promise": f"at most {most} x import click",
            }
            for what, arguments, most in rows
        ]
