"""The shop's scripts, as real processes on a copy of the sample, with a real mail server."""

import contextlib
import csv
import email
import importlib.util
import json
import os
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import sys
import threading
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.soak import examples

SHOP = Path(__file__).parents[2] / "samples" / "shop"
PHOTO = "Kari's garden.jpg"
TODAY = date(2026, 11, 24)
YESTERDAY = TODAY - timedelta(days=1)
PASSWORD = "a kettle of fish"
SECONDS = 30


def load(name):
    """A script of the sample as a module; the sample is no package."""
    spec = importlib.util.spec_from_file_location(f"shop_{name}", SHOP / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


smtp_server, nightly_orders, welcome_email, make_data, build_shop, weekly_report, sign_up = map(
    load,
    ("smtp_server", "nightly_orders", "welcome_email", "make_data", "build_shop", "weekly_report", "sign_up"),
)


@pytest.fixture
def shop(tmp_path):
    """A copy of the sample with its database built; nothing here touches the original."""
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns("var", ".demo", ".jobfile", "__pycache__"))
    assert run(folder, "build_shop.py", "--today", TODAY).returncode == 0
    return folder


@pytest.fixture
def mail(tmp_path):
    with smtp_server.MailServer(tmp_path / "mail", password=PASSWORD) as server:
        yield server


def started(folder, script, *arguments, **env):
    return subprocess.Popen(
        [sys.executable, script, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **{name: str(value) for name, value in env.items()}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder, script, *arguments, **env):
    process = started(folder, script, *arguments, **env)
    out, err = process.communicate(timeout=SECONDS)
    assert "Traceback" not in err, err
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def mail_env(port, password=PASSWORD):
    return {"SMTP_HOST": "localhost", "SMTP_PORT": port, "SMTP_USER": "shop", "SMTP_PASSWORD": password}


def welcome(shop, port, user_id=1042, address="kari@example.com", **how):
    return run(shop, "welcome_email.py", "--ledger=w.db", "--", user_id, address, **mail_env(port, **how))


def rows(database, query):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


# Signing up.


def test_a_form_that_is_sent_twice_is_one_run_with_the_key_of_the_customer(shop):
    jobfile = Path(sys.executable).parent / "jobfile"
    early = run(shop, "sign_up.py", 7, "ola@example.com")
    assert early.returncode == sign_up.TRY_AGAIN, "there is no engine yet"
    assert "jobfile up" in early.stderr
    subprocess.run([jobfile, "apply", "--yes"], cwd=shop, check=True, capture_output=True)
    first, second = (run(shop, "sign_up.py", 7, "ola@example.com") for _ in range(2))
    assert "is submitted" in first.stdout, first.stderr
    assert "was submitted before" in second.stdout, second.stderr
    assert first.stdout.split()[-1] == second.stdout.split()[-1]
    wrong = run(shop, "sign_up.py", 0, "nobody")
    assert wrong.returncode == sign_up.REFUSED
    assert "user_id: 0 is out of range" in wrong.stderr
    assert "email: `nobody`" in wrong.stderr
    listed = subprocess.run([jobfile, "runs", "--json"], cwd=shop, check=True, capture_output=True).stdout
    (only,) = json.loads(listed)["runs"]
    assert (only["job"], only["idempotency_key"]) == ("welcome-email", "welcome-7")


# The welcome mail.


def test_the_welcome_mail_arrives_with_its_words_and_a_message_id_of_the_customer(shop, mail):
    answer = welcome(shop, mail.port)
    assert (answer.returncode, answer.stderr) == (0, "")
    [path] = mail.messages()
    message = email.message_from_bytes(path.read_bytes())
    assert message["To"] == "kari@example.com"
    assert message["Message-ID"] == "<welcome-1042@shop.example.com>"
    assert "customer number is 1042" in message.get_payload()


def test_a_customer_gets_one_mail_however_often_it_is_asked_for(shop, mail):
    answers = [welcome(shop, mail.port) for _ in range(3)]
    assert [answer.returncode for answer in answers] == [0, 0, 0]
    assert len(mail.messages()) == 1
    assert "nothing to do" in answers[2].stdout
    assert welcome(shop, mail.port, user_id=1043).returncode == 0
    assert len(mail.messages()) == 2


def test_a_customer_gets_one_mail_when_it_is_asked_for_twice_at_the_same_time(shop, mail):
    mail.greeting_delay = 0.3
    asked = [
        started(shop, "welcome_email.py", "--ledger=w.db", 7, "ola@example.com", **mail_env(mail.port))
        for _ in range(3)
    ]
    said = [process.communicate(timeout=SECONDS)[0] for process in asked]
    assert [process.returncode for process in asked] == [0, 0, 0]
    assert sorted(text.split()[0] for text in said) == ["nothing", "nothing", "sent"]
    assert len(mail.messages()) == 1


def test_a_mail_server_that_is_down_means_try_again_and_the_next_try_sends(shop, mail, tmp_path):
    with smtp_server.MailServer(tmp_path / "gone") as gone:
        port = gone.port
    answer = welcome(shop, port)
    assert answer.returncode == welcome_email.TRY_AGAIN
    assert "not sent to customer 1042" in answer.stderr
    assert rows(shop / "w.db", "SELECT * FROM sent") == []
    assert welcome(shop, mail.port).returncode == 0
    assert len(mail.messages()) == 1


def test_a_sender_that_is_killed_before_the_server_took_the_mail_leaves_no_row(shop, mail):
    mail.greeting_delay = 20
    greeted = threading.Event()
    mail.process_request = lambda *request: (greeted.set(), type(mail).process_request(mail, *request))
    process = started(shop, "welcome_email.py", "--ledger=w.db", 8, "per@example.com", **mail_env(mail.port))
    assert greeted.wait(SECONDS)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    assert process.returncode == -signal.SIGKILL
    assert rows(shop / "w.db", "SELECT * FROM sent") == []
    mail.greeting_delay = 0
    assert welcome(shop, mail.port, user_id=8).returncode == 0
    assert len(mail.messages()) == 1


def test_a_wrong_password_is_final_and_the_password_is_not_shown(shop, mail):
    answer = welcome(shop, mail.port, password="not the password")
    assert answer.returncode == welcome_email.REFUSED
    assert "not the password" not in answer.stdout + answer.stderr
    assert (mail.messages(), rows(shop / "w.db", "SELECT * FROM sent")) == ([], [])


@pytest.mark.parametrize("address", ["kari@example.com\nBcc: everybody@example.com", "a\r\nb@example.com"])
def test_an_address_cannot_add_a_header(shop, mail, address):
    assert welcome(shop, mail.port, address=address).returncode == welcome_email.REFUSED
    assert mail.messages() == []


def test_the_mail_server_takes_auth_login_and_undoes_dots(mail):
    text = "From: a@example.com\r\nTo: b@example.com\r\n\r\n.a line that begins with a dot\r\n..\r\n"
    with smtplib.SMTP("localhost", mail.port, timeout=SECONDS) as client:
        client.ehlo()
        client.user, client.password = "shop", PASSWORD
        client.auth("LOGIN", client.auth_login)
        client.sendmail("a@example.com", ["b@example.com"], text)
    [path] = mail.messages()
    assert path.read_bytes().decode() == text


# The weekly report.


class Cells(HTMLParser):
    """The texts of a page, and whether every tag was closed."""

    def __init__(self):
        super().__init__()
        self.open, self.texts = [], []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        self.texts.append(data)


def report(shop, account=8812, before=TODAY, database="var/shop.db"):
    named = (f"--database={database}", f"--account={account}", f"--before={before}", "--into=out")
    return run(shop, "weekly_report.py", *named)


def test_the_report_says_what_the_shipped_orders_say(shop):
    assert report(shop).returncode == 0
    with (SHOP / "data" / "orders.csv").open(newline="") as file:
        shipped = [
            (row["order_id"], Decimal(row["unit_price"]) * int(row["quantity"]))
            for row in csv.DictReader(file)
            if row["account"] == "8812" and "2026-11-16" <= row["ordered_at"] < "2026-11-23"
        ]
    with (shop / "out" / "account-8812-2026-W47.csv").open(newline="") as file:
        written = [(row["order_id"], Decimal(row["amount"])) for row in csv.DictReader(file)]
    assert len(shipped) > 3
    assert written == shipped
    page = Cells()
    page.feed((shop / "out" / "account-8812-2026-W47.html").read_text())
    assert page.open == []
    assert str(sum(amount for _, amount in shipped)) in page.texts
    assert {order_id for order_id, _ in shipped} <= set(page.texts)


def test_the_same_week_gives_the_same_files_on_every_day_of_the_week_after(shop):
    monday = TODAY - timedelta(days=TODAY.weekday())
    written = set()
    for days in (0, 3, 6):
        assert report(shop, before=monday + timedelta(days=days)).returncode == 0
        written.add(tuple(path.read_bytes() for path in sorted((shop / "out").iterdir())))
    assert len(written) == 1
    assert len(next(iter(written))) == 2


def test_a_week_without_orders_is_a_report_and_an_unknown_account_is_not(shop):
    assert report(shop, before=date(2031, 1, 1)).returncode == 0
    answer = report(shop, account=1)
    assert (answer.returncode, answer.stderr) == (weekly_report.BAD_INPUT, "there is no account 1\n")
    answer = report(shop, database="none.db")
    assert answer.returncode == weekly_report.NOT_SET_UP
    assert "build_shop.py" in answer.stderr
    assert not (shop / "none.db").exists()


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)))
@settings(max_examples=examples(100))
def test_the_newest_shipped_order_always_falls_in_the_last_full_week(today):
    newest = date(2026, 11, 22)
    moved = newest + build_shop.weeks_to_move("2026-11-22T20:00:00Z", today)
    this_monday = today - timedelta(days=today.weekday())
    assert moved.weekday() == newest.weekday()
    assert this_monday - timedelta(days=7) <= moved < this_monday


# The photo.


def resize(shop, source, target, *options):
    return run(shop, "resize_photo.py", *options, "--", source, target)


def test_the_photo_is_a_real_jpeg_and_is_really_resized(shop):
    answer = resize(shop, f"data/inbox/{PHOTO}", f"out/{PHOTO}", "--edge=640")
    assert (answer.returncode, answer.stderr) == (0, "")
    with Image.open(shop / "data" / "inbox" / PHOTO) as before, Image.open(shop / "out" / PHOTO) as after:
        assert (before.format, before.size) == ("JPEG", (1600, 1200))
        assert (after.format, after.size) == ("JPEG", (640, 480))
        small = before.resize((4, 3)).convert("L").tobytes()
        again = after.resize((4, 3)).convert("L").tobytes()
    assert max(abs(a - b) for a, b in zip(small, again, strict=True)) < 12
    assert (shop / "data" / "inbox" / PHOTO).stat().st_size < 200_000


def test_a_file_that_is_no_photo_fails_and_leaves_what_was_there(shop):
    (shop / "out").mkdir()
    (shop / "out" / "old.jpg").write_bytes(b"kept")
    photo = (shop / "data" / "inbox" / PHOTO).read_bytes()
    (shop / "half.jpg").write_bytes(photo[: len(photo) // 2])
    (shop / "text.jpg").write_text("not a photo")
    assert resize(shop, "text.jpg", "out/old.jpg").returncode == 65
    assert resize(shop, "half.jpg", "out/old.jpg").returncode == 65
    assert resize(shop, "none.jpg", "out/old.jpg").returncode == 66
    assert {path.name: path.read_bytes() for path in (shop / "out").iterdir()} == {"old.jpg": b"kept"}


# Last night's orders.


def deliver(shop, stage="whole", day=YESTERDAY):
    assert run(shop, "upstream.py", day, f"--stage={stage}").returncode == 0
    return shop / "var" / "incoming" / f"orders-{day}.csv"


def night(shop, day=YESTERDAY):
    named = ("--database=var/shop.db", f"--day={day}", f"var/incoming/orders-{day}.csv")
    return run(shop, "nightly_orders.py", *named)


def orders_of(shop, day=YESTERDAY):
    return rows(shop / "var" / "shop.db", f"SELECT * FROM orders WHERE order_id LIKE '{day:%Y%m%d}-%'")


def test_a_batch_that_is_not_all_there_is_retried_until_it_is(shop):
    codes, counts = [], []
    for stage in (None, "cut", "short", "whole", "whole"):
        if stage:
            deliver(shop, stage)
        codes.append(night(shop).returncode)
        counts.append(len(orders_of(shop)))
    assert codes == [75, 75, 75, 0, 0]
    assert counts == [0, 0, 0, 61, 61]
    assert "nothing to do" in night(shop).stdout


def test_the_batch_is_loaded_as_it_was_delivered(shop):
    path = deliver(shop)
    night(shop)
    delivered = [line.split(",") for line in path.read_text().splitlines() if line.startswith("O")]
    assert [(str(row[1]), row[2][11:19], row[3], str(row[4]), row[5]) for row in orders_of(shop)] == [
        (account, moment, sku, quantity, int(Decimal(price) * 100))
        for _, _, account, moment, sku, quantity, price in delivered
    ]


def test_two_loaders_at_the_same_time_load_it_once(shop):
    deliver(shop)
    named = ("--database=var/shop.db", f"--day={YESTERDAY}", f"var/incoming/orders-{YESTERDAY}.csv")
    both = [started(shop, "nightly_orders.py", *named) for _ in range(2)]
    said = sorted(process.communicate(timeout=SECONDS)[0].partition(":")[0] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said == [str(YESTERDAY), "nothing to do"]
    assert len(orders_of(shop)) == 61


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("H,webshop,2026-11-23", "H,webshop,2026-11-22"),
        ("O,61,", "O,60,"),
        (",TEA-EARL,", ",TEA-NONE,"),
        (",8812,", ",99999,"),
        (",8812,", ",99999999999999999999999,"),
        (",8812,", ",who,"),
        (",1,13.60", ",0,13.60"),
        (",1,13.60", ",1,NaN"),
    ],
)
def test_a_batch_that_is_wrong_loads_nothing_and_is_not_tried_again(shop, what, instead):
    path = deliver(shop)
    text = path.read_text()
    assert what in text
    path.write_text(text.replace(what, instead))
    assert night(shop).returncode == nightly_orders.BAD_BATCH
    assert orders_of(shop) == []
    path.write_text(text)
    assert night(shop).returncode == 0
    path.write_text(text.replace(",1,13.60", ",2,13.60"))
    assert night(shop).returncode == nightly_orders.BAD_BATCH


BATCH = (SHOP / "data" / "batch.csv").read_bytes()


def test_the_whole_batch_is_complete():
    assert len(nightly_orders.read_batch(BATCH, make_data.BATCH_DAY).orders) == make_data.BATCH_ORDERS


@given(st.integers(0, len(BATCH) - 1))
@settings(max_examples=examples(150))
def test_a_batch_cut_anywhere_is_not_complete(length):
    with pytest.raises(nightly_orders.NotYetError):
        nightly_orders.read_batch(BATCH[:length], make_data.BATCH_DAY)


@given(
    st.one_of(
        st.binary(max_size=200), st.binary(max_size=30).map(lambda part: BATCH[:60] + part + b"\nT,2\n")
    )
)
@settings(max_examples=examples(150))
def test_no_bytes_are_read_with_anything_but_an_answer(content):
    with contextlib.suppress(nightly_orders.NotYetError, nightly_orders.BadBatchError):
        nightly_orders.read_batch(content, make_data.BATCH_DAY)


# The data.


def test_the_shipped_data_is_what_the_script_makes(tmp_path):
    make_data.make_data(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (SHOP / "data" / path.name).read_bytes()
