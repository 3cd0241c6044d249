"""Measure against the references, in the same run; print ratios, write bench/results.json.

`python -m bench` runs all; `python -m bench startup engine` some. A benchmark is never a timed test.
"""

import importlib
import json
import platform
import sys
from pathlib import Path

PARTS = (
    "startup",
    "check",
    "planning",
    "listing",
    "pages",
    "years",
    "time",
    "runs",
    "requests",
    "queues",
    "submissions",
    "masking",
    "steps",
    "hosts",
    "moving",
    "engine",
)


def main() -> None:
    chosen = sys.argv[1:] or PARTS
    rows = []
    print(f"{'what':<52} {'figure':>12} {'reference':>12} {'ratio':>7}  promise")
    for part in chosen:
        for row in importlib.import_module(f"bench.{part}").measure():
            rows.append({"part": part, **row})
            print(line(row), flush=True)
    about = {"python": platform.python_version(), "machine": platform.machine(), "rows": rows}
    Path(__file__).with_name("results.json").write_text(json.dumps(about, indent=2) + "\n")


def line(row: dict) -> str:
    figure = (
        f"{row['figure']:,.3g} {row['unit']}"
        if row["figure"] < 1000
        else f"{row['figure']:,.0f} {row['unit']}"
    )
    reference = row["reference_figure"]
    shown = "" if reference is None else f"{reference:,.3g}" if reference < 1000 else f"{reference:,.0f}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
    return f"{row['name'][:52]:<52} {figure:>12} {shown:>12} {ratio:>7}  {row['promise']}"


if __name__ == "__main__":
    main()
