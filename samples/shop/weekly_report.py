"""Writes the report of one account for the last full week: a page to open, and the orders as CSV.

The same account and week always give the same two files, so running it again does no harm.
"""

import argparse
import csv
import html
import io
import sqlite3
import sys
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

BAD_INPUT = 65
"""Exit code (EX_DATAERR): there is no such account."""

NOT_SET_UP = 78
"""Exit code (EX_CONFIG): the database is not there."""

WEEKS_SHOWN = 8
WEEK = timedelta(days=7)

ORDERS = """
SELECT order_id, ordered_at, sku, products.name, quantity, unit_cents, quantity * unit_cents
FROM orders JOIN products USING (sku)
WHERE account = ? AND ordered_at >= ? AND ordered_at < ?
ORDER BY ordered_at, order_id
"""

SUM = """
SELECT coalesce(sum(quantity * unit_cents), 0)
FROM orders
WHERE account = ? AND ordered_at >= ? AND ordered_at < ?
"""


@dataclass(frozen=True)
class Order:
    """One order of the week; money in cents."""

    order_id: str
    ordered_at: str
    sku: str
    product: str
    quantity: int
    unit_cents: int
    cents: int


@dataclass(frozen=True)
class Report:
    """What the two files tell. Weeks begin on Monday, 00:00 UTC; `sums` ends with the week itself."""

    account: int
    name: str
    monday: date
    orders: tuple[Order, ...]
    sums: tuple[tuple[date, int], ...]

    @property
    def week(self):
        """The ISO week: 2026-W47."""
        return f"{self.monday:%G-W%V}"

    @property
    def cents(self):
        """What the account spent in the week."""
        return sum(order.cents for order in self.orders)


def make_report(shop, account, before):
    """Count one account's last full week before a day; None when there is no such account."""
    found = shop.execute("SELECT name FROM customers WHERE account = ?", (account,)).fetchone()
    if found is None:
        return None
    monday = before - timedelta(days=before.weekday()) - WEEK
    orders = shop.execute(ORDERS, (account, instant(monday), instant(monday + WEEK)))
    mondays = [monday - WEEK * back for back in reversed(range(WEEKS_SHOWN))]
    sums = [
        (day, shop.execute(SUM, (account, instant(day), instant(day + WEEK))).fetchone()[0])
        for day in mondays
    ]
    return Report(account, found[0], monday, tuple(Order(*row) for row in orders), tuple(sums))


def instant(day):
    """The beginning of a day, as the table writes times."""
    return f"{datetime.combine(day, time()):%Y-%m-%dT%H:%M:%SZ}"


def money(cents):
    """Cents as people write them: 1 234.50."""
    return f"{cents // 100:,}.{cents % 100:02}".replace(",", "\u202f")


def as_csv(report):
    """The orders of the week."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("order_id", "ordered_at", "sku", "product", "quantity", "unit_price", "amount"))
    for order in report.orders:
        prices = (f"{cents / 100:.2f}" for cents in (order.unit_cents, order.cents))
        rows.writerow((order.order_id, order.ordered_at, order.sku, order.product, order.quantity, *prices))
    return text.getvalue()


STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #23302b }
body { max-width: 44rem; margin: 3rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin: 0 } h2 { font-size: 1.1rem; margin-top: 2.2rem }
.under { color: #5c6d66; margin-top: .2rem }
.figures { display: flex; gap: 2.5rem; margin: 1.6rem 0 } .figures b { display: block; font-size: 1.7rem }
table { border-collapse: collapse; width: 100% } th { text-align: left; color: #5c6d66; font-weight: 500 }
th, td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid #dfe6e2 }
.n { text-align: right; font-variant-numeric: tabular-nums }
svg text { font: 12px system-ui, sans-serif; fill: #5c6d66 }
"""


def as_html(report):
    """The page. It loads no other file, and every text in it is escaped."""
    sunday = report.monday + timedelta(days=6)
    pieces = sum(order.quantity for order in report.orders)
    figures = (
        ("orders", str(len(report.orders))),
        ("pieces", str(pieces)),
        ("spent", money(report.cents)),
        ("the week before", money(report.sums[-2][1])),
    )
    title = f"Account {report.account}, week {report.week}"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f"<title>{title}</title><style>{STYLE}</style></head><body>",
            f"<h1>{html.escape(report.name)}</h1>",
            f'<p class="under">{title}: Monday {report.monday} to Sunday {sunday}</p>',
            '<div class="figures">',
            *(f"<div><b>{value}</b>{label}</div>" for label, value in figures),
            "</div>",
            f"<h2>The last {len(report.sums)} weeks</h2>",
            chart(report.sums),
            "<h2>By product</h2>",
            table(("product", "pieces", "amount"), by_product(report.orders)),
            "<h2>Orders</h2>",
            table(("when (UTC)", "order", "product", "pieces", "amount"), order_lines(report.orders)),
            "</body></html>",
            "",
        )
    )


def chart(sums):
    """Bars, one a week; the last one is the week of the report."""
    room, wide, high = 88, 76, 130
    most = max(cents for _, cents in sums) or 1
    parts = []
    for index, (monday, cents) in enumerate(sums):
        tall = round(high * cents / most)
        left, top = index * room, 20 + high - tall
        middle, colour = left + wide / 2, "#2f7d5b" if index == len(sums) - 1 else "#b9d3c6"
        parts.append(
            f'<rect x="{left}" y="{top}" width="{wide}" height="{tall}" fill="{colour}"/>'
            f'<text x="{middle}" y="{top - 6}" text-anchor="middle">{money(cents)}</text>'
            f'<text x="{middle}" y="{high + 38}" text-anchor="middle">W{monday:%V}</text>'
        )
    box = f"0 0 {room * len(sums)} {high + 44}"
    return f'<svg viewBox="{box}" role="img" aria-label="spent by week">{"".join(parts)}</svg>'


def by_product(orders):
    """product, pieces, amount; the most spent first."""
    sums = {}
    for order in orders:
        pieces, cents = sums.get(order.product, (0, 0))
        sums[order.product] = (pieces + order.quantity, cents + order.cents)
    ranked = sorted(sums.items(), key=lambda item: (-item[1][1], item[0]))
    return [(name, str(pieces), money(cents)) for name, (pieces, cents) in ranked]


def order_lines(orders):
    """when, order, product, pieces, amount."""
    return [
        (
            order.ordered_at[:16].replace("T", " "),
            order.order_id,
            order.product,
            str(order.quantity),
            money(order.cents),
        )
        for order in orders
    ]


def table(heads, rows):
    """A table; pieces and amounts stand to the right."""
    if not rows:
        return "<p>No orders in this week.</p>"
    sides = [' class="n"' if head in ("pieces", "amount") else "" for head in heads]
    lines = ["".join(f"<th{side}>{head}</th>" for side, head in zip(sides, heads, strict=True))]
    lines += [
        "".join(f"<td{side}>{html.escape(cell)}</td>" for side, cell in zip(sides, row, strict=True))
        for row in rows
    ]
    return "<table>" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def write(path, text):
    """The file is there as a whole or not at all."""
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def main():
    """Exit code 0: written; 65: no such account; 78: no database."""
    options = argparse.ArgumentParser(description="Write the report of one account for the last full week.")
    options.add_argument("--database", type=Path, required=True)
    options.add_argument("--account", type=int, required=True)
    options.add_argument(
        "--before", type=date.fromisoformat, required=True, help="the week ends before this day"
    )
    options.add_argument("--into", type=Path, required=True, help="the folder for the files")
    given = options.parse_args()
    try:
        shop = sqlite3.connect(f"{given.database.absolute().as_uri()}?mode=ro", uri=True)
        report = make_report(shop, given.account, given.before)
        shop.close()
    except sqlite3.OperationalError as error:
        print(f"cannot read {given.database} ({error}); make it with  python3 build_shop.py", file=sys.stderr)
        return NOT_SET_UP
    if report is None:
        print(f"there is no account {given.account}", file=sys.stderr)
        return BAD_INPUT
    given.into.mkdir(parents=True, exist_ok=True)
    page = given.into / f"account-{report.account}-{report.week}.html"
    write(page, as_html(report))
    write(page.with_suffix(".csv"), as_csv(report))
    print(f"{page}: {len(report.orders)} orders, {report.cents / 100:.2f} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
