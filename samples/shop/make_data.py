"""Makes the files in data/: the same seed always gives the same CSV. Only the photo needs Pillow."""

import csv
import math
import random
import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

SEED = 8812
FIRST_MONDAY = date(2026, 8, 31)
WEEKS = 12
BATCH_DAY = FIRST_MONDAY + timedelta(weeks=WEEKS)
BATCH_ORDERS = 61
ACCOUNT_OF_THE_REPORT = 8812
PHOTO = "Kari's garden.jpg"

PRODUCTS = (
    ("TEA-EARL", "Earl Grey, 100 g", "8.90"),
    ("TEA-MINT", "Peppermint, 80 g", "6.50"),
    ("TEA-OOLO", "Oolong, 100 g", "14.20"),
    ("COF-HOUS", "House blend, 250 g", "9.80"),
    ("COF-ETHI", "Ethiopia Guji, 250 g", "13.60"),
    ("COF-DECA", "Decaf, 250 g", "11.40"),
    ("CUP-BLUE", "Cup, blue glaze", "17.00"),
    ("CUP-SAND", "Cup, sand glaze", "17.00"),
    ("POT-CAST", "Cast iron pot, 0.8 l", "64.00"),
    ("FIL-PAPR", "Paper filters, 100", "4.20"),
    ("GRN-HAND", "Hand grinder", "78.50"),
    ("HON-HEAT", "Heather honey, 350 g", "12.30"),
)
POPULARITY = (9, 6, 4, 10, 7, 3, 3, 3, 1, 8, 1, 4)

NAMES = """
Kari Ola Ingrid Lars Solveig Per Astrid Nils Maja Erik Sofie Jonas Nora Emil
Hansen Berg Dahl Lund Moen Aas Vik Solberg Haugen Strand Lie Bakke
"""


def make_data(folder):
    """Write customers.csv, products.csv, orders.csv and the batch of one night."""
    chance = random.Random(SEED)
    customers = make_customers(chance)
    write_csv(folder / "customers.csv", ("account", "name", "email"), customers)
    write_csv(folder / "products.csv", ("sku", "name", "unit_price"), PRODUCTS)
    accounts = [account for account, _, _ in customers]
    heads = ("order_id", "account", "ordered_at", "sku", "quantity", "unit_price")
    write_csv(folder / "orders.csv", heads, make_orders(chance, accounts))
    write_batch(folder / "batch.csv", chance, accounts)


def make_customers(chance):
    """Twenty-four accounts; the report is about 8812."""
    numbers = sorted({ACCOUNT_OF_THE_REPORT, *chance.sample(range(8000, 9000), 23)})
    first_names, last_names = (line.split() for line in NAMES.strip().splitlines())
    people = chance.sample([(first, last) for first in first_names for last in last_names], len(numbers))
    return [
        (number, f"{first} {last}", f"{first}.{last}@example.com".lower())
        for number, (first, last) in zip(numbers, people, strict=True)
    ]


def make_orders(chance, accounts):
    """Twelve weeks of orders: fewer at night and on Sundays, more towards winter."""
    rows = []
    for number in range(7 * WEEKS):
        day = FIRST_MONDAY + timedelta(days=number)
        usual = 2.5 if day.weekday() == 6 else 5
        count = round(usual * (1 + number / 200) + chance.uniform(-2, 2))
        for moment in sorted(opening_time(chance) for _ in range(count)):
            at = datetime.combine(day, moment)
            rows.append(
                (f"WS-{100_001 + len(rows)}", *one_order(chance, accounts, f"{at:%Y-%m-%dT%H:%M:%SZ}"))
            )
    return rows


def one_order(chance, accounts, at):
    """account, time, sku, quantity, unit price."""
    weights = [8 if account == ACCOUNT_OF_THE_REPORT else 2 for account in accounts]
    account = chance.choices(accounts, weights)[0]
    sku, _, price = chance.choices(PRODUCTS, POPULARITY)[0]
    quantity = 1 if float(price) > 50 else chance.choices((1, 2, 3, 6), (10, 6, 3, 1))[0]
    return account, at, sku, quantity, price


def opening_time(chance):
    """A second of the day; most orders are around noon and after dinner."""
    hour = min(23.99, max(6, chance.choice((chance.gauss(12, 2), chance.gauss(20, 1.5)))))
    minute, second = chance.randrange(60), chance.randrange(60)
    return time(int(hour), minute, second)


def write_batch(path, chance, accounts):
    """One night's batch as the webshop sends it: H header, O orders, T trailer with their number."""
    moments = sorted(opening_time(chance) for _ in range(BATCH_ORDERS))
    rows = [("H", "webshop", BATCH_DAY.isoformat())]
    for number, moment in enumerate(moments, start=1):
        rows.append(("O", number, *one_order(chance, accounts, moment.isoformat())))
    rows.append(("T", BATCH_ORDERS))
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def write_csv(path, heads, rows):
    """Write a CSV file with a header line; with LF line ends on every machine."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([heads, *rows])


def make_photo(path):
    """Draw a garden by the fjord at sunset, 1600 by 1200. It is drawn so that it has no copyright holder."""
    from PIL import Image, ImageDraw, ImageFilter  # noqa: PLC0415  only the photo needs Pillow

    chance = random.Random(SEED)
    width, height = 1600, 1200
    sky = Image.linear_gradient("L").resize((width, height))
    picture = Image.composite(
        Image.new("RGB", sky.size, (255, 170, 96)), Image.new("RGB", sky.size, (58, 92, 168)), sky
    )
    draw = ImageDraw.Draw(picture)
    for size, colour in ((150, (255, 200, 120)), (115, (255, 226, 150)), (85, (255, 246, 210))):
        draw.ellipse((1120 - size, 420 - size, 1120 + size, 420 + size), fill=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(6))
    draw = ImageDraw.Draw(picture)
    for layer in range(5):
        draw.polygon(hills(layer, width, height), fill=(44 + 4 * layer, 70 + 22 * layer, 120 - 20 * layer))
    flowers(draw, chance, width, height)
    picture.filter(ImageFilter.SMOOTH).save(path, quality=82, optimize=True)


def hills(layer, width, height):
    """The outline of one chain of hills; nearer ones are lower."""
    base = 560 + 110 * layer
    ridge = [
        (x, base - 70 * math.sin(x / (170 + 40 * layer) + layer * 1.7) - 26 * math.sin(x / 61 + layer))
        for x in range(0, width + 8, 8)
    ]
    return [(0, height), *ridge, (width, height)]


def flowers(draw, chance, width, height):
    """Flowers in the meadow, larger towards the bottom."""
    colours = ((236, 72, 110), (250, 204, 60), (245, 245, 250), (178, 96, 214), (255, 138, 60))
    for y in sorted(chance.uniform(1010, height) for _ in range(420)):
        x, size = chance.uniform(0, width), 2 + (y - 1000) / 16
        colour = chance.choice(colours)
        draw.line((x, y, x + chance.uniform(-4, 4), y + 3 * size), fill=(40, 110, 52), width=2)
        for turn in range(6):
            dx, dy = size * math.cos(turn * math.pi / 3), size * math.sin(turn * math.pi / 3)
            half = size * 0.62
            draw.ellipse((x + dx - half, y + dy - half, x + dx + half, y + dy + half), fill=colour)
        draw.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), fill=(120, 76, 30))


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data"
    (target / "inbox").mkdir(parents=True, exist_ok=True)
    make_data(target)
    make_photo(target / "inbox" / PHOTO)
