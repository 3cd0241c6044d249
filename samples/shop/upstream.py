"""Plays the webshop that delivers a day's batch of orders: whole, or as a broken connection leaves it."""

import argparse
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

STAGES = ("cut", "short", "whole")
"""cut: the connection broke. short: the trailer came, some orders did not. whole: all of it."""


def deliver(shipped, folder, day, stage):
    """Write the batch of a day to the folder, as one file that replaces what was delivered before."""
    _, *orders, trailer = shipped.read_text(encoding="utf-8").splitlines(keepends=True)
    header = f"H,webshop,{day.isoformat()}\n"
    lines = {
        "cut": [header, *orders[:23], orders[23][:17]],
        "short": [header, *orders[:48], trailer],
        "whole": [header, *orders, trailer],
    }[stage]
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"orders-{day.isoformat()}.csv"
    unfinished = target.with_suffix(".part")
    unfinished.write_text("".join(lines), encoding="utf-8")
    unfinished.replace(target)
    return target


if __name__ == "__main__":
    here = Path(__file__).parent
    options = argparse.ArgumentParser(description=__doc__)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    options.add_argument("day", type=date.fromisoformat, nargs="?", default=yesterday)
    options.add_argument("--stage", choices=STAGES, default="whole")
    options.add_argument("--folder", type=Path, default=here / "var" / "incoming")
    given = options.parse_args()
    print(f"delivered {deliver(here / 'data' / 'batch.csv', given.folder, given.day, given.stage)}")
