"""Builds the shop's database from the CSV files in data/.

The shipped orders end on a Sunday. They are moved by whole weeks, so that the newest are in the last full
week before today: otherwise a report about last week would be empty.
"""

import argparse
import csv
import sqlite3
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

SCHEMA = """
CREATE TABLE customers (
  account INTEGER PRIMARY KEY,
  name    TEXT NOT NULL,
  email   TEXT NOT NULL
);
CREATE TABLE products (
  sku  TEXT PRIMARY KEY,
  name TEXT NOT NULL
);
CREATE TABLE orders (
  order_id   TEXT PRIMARY KEY,
  account    INTEGER NOT NULL REFERENCES customers,
  ordered_at TEXT NOT NULL,
  sku        TEXT NOT NULL REFERENCES products,
  quantity   INTEGER NOT NULL CHECK (quantity > 0),
  unit_cents INTEGER NOT NULL CHECK (unit_cents >= 0)
);
CREATE INDEX orders_of_account ON orders (account, ordered_at);
CREATE TABLE batches (
  day       TEXT PRIMARY KEY,
  sha256    TEXT NOT NULL,
  orders    INTEGER NOT NULL,
  loaded_at TEXT NOT NULL
);
"""

INSTANT = "%Y-%m-%dT%H:%M:%SZ"


def build(database, data, today):
    """Make the database, unless it exists already."""
    if database.exists():
        return f"{database} exists already"
    (database.parent / "uploads").mkdir(parents=True, exist_ok=True)
    unfinished = database.with_name(database.name + ".new")
    unfinished.unlink(missing_ok=True)
    shop = sqlite3.connect(unfinished)
    shop.executescript(SCHEMA)
    with shop:
        shop.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows(data / "customers.csv"))
        shop.executemany(
            "INSERT INTO products VALUES (?, ?)", (row[:2] for row in rows(data / "products.csv"))
        )
        orders = list(rows(data / "orders.csv"))
        shift = weeks_to_move(max(row[2] for row in orders), today)
        shop.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", (moved(row, shift) for row in orders)
        )
    shop.close()
    unfinished.replace(database)
    return f"{database} has {len(orders)} orders"


def rows(path):
    """The rows of a CSV file, without its header line."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        yield from reader


def weeks_to_move(newest, today):
    """The number of weeks to move the orders, so that the newest is in the last full week before today."""
    newest_day = datetime.strptime(newest, INSTANT).date()
    last_sunday = today - timedelta(days=today.isoweekday())
    newest_sunday = newest_day + timedelta(days=7 - newest_day.isoweekday())
    return last_sunday - newest_sunday


def moved(row, shift):
    """A row of orders.csv for the table, moved by a shift; money is in cents."""
    order_id, account, ordered_at, sku, quantity, unit_price = row
    at = datetime.strptime(ordered_at, INSTANT) + shift
    cents = int(Decimal(unit_price) * 100)
    return order_id, int(account), at.strftime(INSTANT), sku, int(quantity), cents


if __name__ == "__main__":
    here = Path(__file__).parent
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--database", type=Path, default=here / "var" / "shop.db")
    options.add_argument("--today", type=date.fromisoformat, default=datetime.now(UTC).date())
    given = options.parse_args()
    print(build(given.database, here / "data", given.today))
