"""Loads one day's batch of orders into the shop's database: all of it or nothing, once per day.

A batch is complete if its trailer has the number of its orders. While the webshop is still sending, or after
its connection broke, the batch is not complete: then the exit code is 75, and the job is retried.
"""

import argparse
import csv
import hashlib
import sqlite3
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path

TRY_AGAIN = 75
"""Exit code (EX_TEMPFAIL): the batch is missing or incomplete; jobs.yaml retries on it."""

BAD_BATCH = 65
"""Exit code (EX_DATAERR): a retry will not help; an operator must look at the batch."""

WAIT_SECONDS = 30


class NotYetError(Exception):
    """The batch is not complete yet."""


class BadBatchError(Exception):
    """The batch is complete and wrong."""


@dataclass(frozen=True)
class Batch:
    """A complete batch; `orders` are rows of the table."""

    day: date
    sha256: str
    orders: list[tuple]


def read_batch(content, day):
    """The batch in a file. Raises NotYetError while it is incomplete, BadBatchError if it is wrong."""
    if not content.endswith(b"\n"):
        raise NotYetError("it ends in the middle of a line")
    try:
        records = [record for record in csv.reader(content.decode().splitlines()) if record]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadBatchError(f"not a CSV file: {error}") from error
    orders = [record for record in records if record[0] == "O"]
    if not records or records[-1][0] != "T":
        raise NotYetError(f"{len(orders)} orders and no trailer")
    trailer = records[-1][1:]
    if trailer != [str(len(orders))]:
        raise NotYetError(f"{len(orders)} orders, and the trailer says {' '.join(trailer)}")
    if records[0] != ["H", "webshop", day.isoformat()] or len(records) != len(orders) + 2:
        raise BadBatchError(f"not the webshop's batch of {day}: it begins with {','.join(records[0])}")
    rows = [read_order(record, day) for record in orders]
    return Batch(day=day, sha256=hashlib.sha256(content).hexdigest(), orders=rows)


def read_order(record, day):
    """One O record as a row of the table; money is in cents."""
    try:
        _, number, account, moment, sku, quantity, price = record
        at = datetime.combine(day, time.fromisoformat(moment))
        order_id = f"{day:%Y%m%d}-{int(number):04}"
        pieces, cents = int(quantity), Decimal(price) * 100
        row = (order_id, int(account), f"{at:%Y-%m-%dT%H:%M:%SZ}", sku, pieces, int(cents))
    except (ValueError, InvalidOperation, OverflowError) as error:
        raise BadBatchError(f"not an order: {','.join(record)} ({error})") from error
    if pieces < 1 or cents < 0 or cents != int(cents):
        raise BadBatchError(f"not an order: {','.join(record)}")
    return row


def load(shop, batch):
    """Put a batch into the database in one transaction; return what happened, as text."""
    with shop:
        shop.execute("BEGIN IMMEDIATE")
        known = shop.execute(
            "SELECT sha256, orders, loaded_at FROM batches WHERE day = ?", (batch.day.isoformat(),)
        ).fetchone()
        if known is not None and known[0] != batch.sha256:
            raise BadBatchError(f"another batch of {batch.day} was loaded at {known[2]}")
        if known is not None:
            return f"nothing to do: {batch.day} was loaded at {known[2]}, {known[1]} orders"
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", batch.orders)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        shop.execute(
            "INSERT INTO batches VALUES (?, ?, ?, ?)",
            (batch.day.isoformat(), batch.sha256, len(batch.orders), now),
        )
    return f"{batch.day}: {len(batch.orders)} orders loaded"


def load_file(path, database, day):
    """Read, check and load one file."""
    batch = read_batch(path.read_bytes(), day)
    shop = sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=WAIT_SECONDS)
    try:
        shop.isolation_level = None
        shop.execute("PRAGMA foreign_keys = ON")
        return load(shop, batch)
    finally:
        shop.close()


def main():
    """Exit code 0: the day is in the database; 75: retry; 65: an operator must look at it."""
    options = argparse.ArgumentParser(description="Load one day's batch of orders, once.")
    options.add_argument("--database", type=Path, required=True)
    options.add_argument("--day", type=date.fromisoformat, required=True)
    options.add_argument("batch", type=Path)
    given = options.parse_args()
    try:
        print(load_file(given.batch, given.database, given.day))
    except FileNotFoundError:
        print(f"{given.batch} has not been delivered yet", file=sys.stderr)
        return TRY_AGAIN
    except NotYetError as error:
        print(f"{given.batch} is not complete: {error}", file=sys.stderr)
        return TRY_AGAIN
    except (BadBatchError, sqlite3.IntegrityError, OverflowError) as error:
        print(f"{given.batch} is wrong: {error}; nothing was loaded", file=sys.stderr)
        return BAD_BATCH
    except sqlite3.OperationalError as error:
        print(f"the database {given.database} cannot be used now: {error}", file=sys.stderr)
        return TRY_AGAIN
    return 0


if __name__ == "__main__":
    sys.exit(main())
