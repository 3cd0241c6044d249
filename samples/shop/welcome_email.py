"""Sends the welcome mail to one customer: once, however many times it is requested.

What is promised. A row in the ledger, unique for each customer, is written in the transaction that is open
around the sending. Asked again, or asked twice at the same time: the second one waits for the first, finds
the row and sends nothing. The server refused, or this program was killed before the server took the mail:
the row is rolled back, and the next try sends.

What nobody can promise. Between the moment the server takes the mail (its 250) and the COMMIT a few
milliseconds later, a power cut leaves a mail without a row, and the next try sends it again. SMTP has no
way to ask "did you take it?". The Message-ID is therefore made from the customer's number: the second copy
has the same one, and mailboxes that look at it show one mail. Better a rare twin than a mail never sent.
"""

import argparse
import contextlib
import ipaddress
import os
import smtplib
import socket
import sqlite3
import ssl
import sys
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

SENDER = "The tea shop <hello@shop.example.com>"

TRY_AGAIN = 75
"""Exit code (EX_TEMPFAIL): the same may work later; jobs.yaml retries on it."""

REFUSED = 69
"""Exit code (EX_UNAVAILABLE): the mail server will never take this."""

WAIT_SECONDS = 20

LEDGER = """
CREATE TABLE IF NOT EXISTS sent (
  user_id    INTEGER PRIMARY KEY,
  email      TEXT NOT NULL,
  message_id TEXT NOT NULL,
  sent_at    TEXT NOT NULL
)
"""

TEXT = """\
Hello, and welcome!

Your customer number is {user_id}. The kettle is on.

The tea shop
"""


def send_once(ledger, user_id, email, send):
    """Send the mail unless the ledger has it; returns what happened, in words."""
    ledger.execute("BEGIN IMMEDIATE")  # one sender at a time: the second one reads what the first one wrote
    try:
        done = ledger.execute("SELECT email, sent_at FROM sent WHERE user_id = ?", (user_id,)).fetchone()
        if done is None:
            message = welcome(user_id, email)
            ledger.execute(
                "INSERT INTO sent VALUES (?, ?, ?, ?)",
                (user_id, email, message["Message-ID"], datetime.now(UTC).isoformat(timespec="seconds")),
            )
            send(message)
    except BaseException:
        ledger.execute("ROLLBACK")
        raise
    ledger.execute("COMMIT")
    if done is None:
        return f"sent to customer {user_id} at {email}"
    return f"nothing to do: customer {user_id} got it at {done[0]}, {done[1]}"


def welcome(user_id, email):
    """The message. EmailMessage refuses line ends in headers, so an address cannot add one."""
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = email
    message["Subject"] = "Welcome to the tea shop"
    message["Message-ID"] = f"<welcome-{user_id}@shop.example.com>"
    message["Date"] = datetime.now(UTC)
    message.set_content(TEXT.format(user_id=user_id))
    return message


def deliver(message):
    """Hand the message to the server that the environment names."""
    host, port = os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])
    with smtplib.SMTP(host, port, local_hostname=socket.gethostname(), timeout=WAIT_SECONDS) as smtp:
        smtp.ehlo()
        if smtp.has_extn("starttls"):
            smtp.starttls(context=ssl.create_default_context())
            smtp.ehlo()
        elif not ipaddress.ip_address(smtp.sock.getpeername()[0]).is_loopback:
            raise smtplib.SMTPNotSupportedError(f"{host} offers no TLS: the password stays here")
        if smtp.has_extn("auth"):
            smtp.login(os.environ["SMTP_USER"], os.environ["SMTP_PASSWORD"])
        smtp.send_message(message)


def is_temporary(error):
    """Whether the same mail may go through later: the network, or a 4xx answer."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            return all(400 <= code < 500 for code, _ in error.recipients.values())
        case smtplib.SMTPResponseException():
            return 400 <= error.smtp_code < 500
        case smtplib.SMTPServerDisconnected():
            return True
        case _:
            return not isinstance(error, smtplib.SMTPException)


def main():
    """Exit code 0: the customer has the mail; 75: try again; 69: it will never be taken."""
    options = argparse.ArgumentParser(description="Send the welcome mail to one customer, once.")
    options.add_argument("--ledger", type=Path, required=True)
    options.add_argument("user_id", type=int)
    options.add_argument("email")
    given = options.parse_args()
    given.ledger.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(
        sqlite3.connect(given.ledger, timeout=WAIT_SECONDS, isolation_level=None)
    ) as ledger:
        try:
            ledger.execute(LEDGER)
            print(send_once(ledger, given.user_id, given.email, deliver))
        except OSError as error:  # smtplib's own errors are kinds of it
            print(f"not sent to customer {given.user_id}: {error}", file=sys.stderr)
            return TRY_AGAIN if is_temporary(error) else REFUSED
        except ValueError as error:
            print(f"not an address for mail: {error}", file=sys.stderr)
            return REFUSED
        except sqlite3.OperationalError as error:
            print(f"the ledger {given.ledger} is busy or cannot be written: {error}", file=sys.stderr)
            return TRY_AGAIN
    return 0


if __name__ == "__main__":
    sys.exit(main())
