"""samples/etl.yaml does real work: three sources side by side, a join in SQLite, a report."""

import csv
import shutil
from collections import defaultdict
from pathlib import Path

from tests.cli.conftest import Jobfile

SAMPLES = Path(__file__).parents[2] / "samples"
DATA = SAMPLES / "shop" / "data"


def test_the_report_is_that_of_the_files(jobfile: Jobfile) -> None:
    for name in ("etl.yaml", "etl.py"):
        shutil.copy(SAMPLES / name, ".")
    Path("etl.yaml").rename("jobs.yaml")
    assert jobfile("check").code == 0
    said = jobfile("run", "revenue", "-p", f"data={DATA}", "-p", "top=2")
    assert said.code == 0, said.err
    rows = {
        name: list(csv.DictReader((DATA / f"{name}.csv").read_text().splitlines()))
        for name in ("customers", "orders", "products")
    }
    prices = {row["sku"]: float(row["unit_price"]) for row in rows["products"]}
    names = {row["account"]: row["name"] for row in rows["customers"]}
    revenue: dict[str, float] = defaultdict(float)
    for row in rows["orders"]:
        revenue[row["account"]] += int(row["quantity"]) * prices[row["sku"]]
    best = sorted(revenue.items(), key=lambda one: (-one[1], names[one[0]]))[:2]
    lines = said.out.splitlines()
    for number, (account, amount) in enumerate(best, start=1):
        assert f"best[{number}] | {names[account]}: {amount:.2f}" in lines
    assert f"report | {len(rows['orders'])} orders of {len(rows['customers'])} customers" in lines
    assert f"report | {len(prices)} prices, {round(sum(revenue.values()), 2)} in all" in lines
