"""The functions that samples/etl.yaml calls, each in its own process. They share the folder of the run."""

import csv
import os
import sqlite3
from contextlib import closing
from pathlib import Path

FOLDER = Path(os.environ.get("JOBFILE_RUN_DIR", "."))


def load_customers(data: str, **_others: object) -> dict[str, int]:
    """The accounts and their names, from a CSV file."""
    return {"rows": _load(data, "customers", ("account", "name"))}


def load_orders(data: str, **_others: object) -> dict[str, int]:
    """What was ordered, from a CSV file."""
    return {"rows": _load(data, "orders", ("account", "sku", "quantity"))}


def load_prices(data: str, **_others: object) -> dict[str, int]:
    """The prices in force, from a price list."""
    return {"rows": _load(data, "products", ("sku", "unit_price"))}


def join(top: int, **_others: object) -> dict[str, object]:
    """The revenue of each customer, and the best customers."""
    with closing(sqlite3.connect(FOLDER / "joined.db")) as db:
        for name in ("customers", "orders", "products"):
            db.execute("attach ? as source", (str(FOLDER / f"{name}.db"),))
            db.execute(f"create table {name} as select * from source.{name}")
            db.commit()
            db.execute("detach source")
        found = db.execute(
            "select c.name, sum(o.quantity * p.unit_price) as revenue from orders o"
            " join customers c on c.account = o.account join products p on p.sku = o.sku"
            " group by c.account order by revenue desc, c.name"
        ).fetchall()
    print(f"{len(found)} customers ordered something")
    best = [f"{name}: {revenue:.2f}" for name, revenue in found[:top]]
    return {"revenue": round(sum(revenue for _, revenue in found), 2), "best": best}


def _load(data: str, name: str, columns: tuple[str, ...]) -> int:
    """Copy columns of a CSV file into a database of its own; returns the number of rows."""
    with (Path(data) / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = [tuple(row[column] for column in columns) for row in csv.DictReader(file)]
    with closing(sqlite3.connect(FOLDER / f"{name}.db")) as db, db:
        numeric = {"quantity": "integer", "unit_price": "real"}
        kinds = ", ".join(f"{column} {numeric.get(column, 'text')}" for column in columns)
        db.execute(f"create table {name} ({kinds})")
        db.executemany(f"insert into {name} values ({', '.join('?' * len(columns))})", rows)
    return len(rows)
