"""`plan` over 10,000 jobs of which 100 change, against `check` of both sides in the same run."""

import tempfile
from pathlib import Path

from bench.check import FILES, JOBFILE, text_of, took

CHANGED = 100


def measure() -> list[dict]:
    with tempfile.TemporaryDirectory() as name:
        for side, changed in (("before", 0), ("after", CHANGED)):
            folder = Path(name) / side
            (folder / "jobs").mkdir(parents=True)
            (folder / "jobs.yaml").write_text("version: 1\ninclude: [jobs/*.yaml]\njobs: {}\n")
            for index in range(FILES):
                text = text_of(index)
                text = text.replace("timeout: 45m", "timeout: 50m", 1) if index < changed else text
                (folder / "jobs" / f"{index:03}.yaml").write_text(text)
        before, after = Path(name) / "before", Path(name) / "after"
        checks = took([JOBFILE, "check"], before) + took([JOBFILE, "check"], after)
        plan = took([JOBFILE, "plan", "--from", "../before/jobs.yaml"], after)
    return [
        {
            "name": f"plan over 10,000 jobs, {CHANGED} of them changed",
            "figure": plan,
            "unit": "s",
            "reference": "jobfile check of both sides",
            "reference_figure": checks,
            "ratio": plan / checks,
            "promise": "at most 2 x check of both sides",
        }
    ]
