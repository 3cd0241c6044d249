"""`check` of 10,000 jobs in 200 files, against yaml.compose with the C loader over the same text."""

import gc
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES, JOBS_A_FILE = 200, 50
JOBFILE = str(Path(sys.executable).parent / "jobfile")

JOB = """\
  job-{n:05}:
    description: Load batch {n} into the warehouse and tell the team
    owner: team{m}@example.com
    tags: [batch, tier{m}]
    schedule:
      cron: "{minute} {hour} * * *"
      timezone: {zone}
    env:
      BATCH: "{n}"
      TARGET: warehouse
    command: [batch-load, --number, "{n}", --target, warehouse, --verbose]
    timeout: 45m
    retry:
      attempts: 3
      delay: 30s
      backoff: exponential
    concurrency: {{limit: 1, on_overlap: queue}}
    catchup: last
"""
ZONES = ("UTC", "Europe/Oslo", "America/New_York", "Asia/Tokyo")


def text_of(file: int) -> str:
    jobs = (
        JOB.format(n=n, m=n % 9, minute=n % 60, hour=4 + n % 20, zone=ZONES[n % 4])
        for n in range(file * JOBS_A_FILE, (file + 1) * JOBS_A_FILE)
    )
    return "version: 1\njobs:\n" + "".join(jobs)


COMPOSE = """
import sys, yaml
for name in sys.argv[1:]:
    yaml.compose(open(name, encoding="utf-8").read(), Loader=yaml.CLoader)
"""


def took(command: list[str], folder: Path) -> float:
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    best = float("inf")
    for _ in range(3):
        gc.collect()
        begin = time.perf_counter()
        subprocess.run(command, cwd=folder, env=env, capture_output=True, check=True)
        best = min(best, time.perf_counter() - begin)
    return best


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [f"jobs{index:03}.yaml" for index in range(FILES)]
        for index, file in enumerate(files):
            (folder / file).write_text(text_of(index))
        size = sum((folder / file).stat().st_size for file in files) / 1e6
        compose = took([sys.executable, "-c", COMPOSE, *files], folder)
        check = took([JOBFILE, "check", *files], folder)
    return [
        {
            "name": f"check of 10,000 jobs, 200 files, {size:.1f} MB, cold",
            "figure": check,
            "unit": "s",
            "reference": "yaml.compose (C) over the same files, in a process of its own",
            "reference_figure": compose,
            "ratio": check / compose,
            "promise": "at most 3 x yaml.compose",
        }
    ]
