"""A mail server for trying things: it takes every message and keeps it as a file. Never for the open net."""

import argparse
import base64
import re
import socketserver
import threading
import time
from pathlib import Path

MAX_LINE = 8192
MAX_MESSAGE = 1024 * 1024
QUIET_SECONDS = 60


class MailServer(socketserver.ThreadingTCPServer):
    """Serves in a thread of its own: `with MailServer(folder) as server: … server.port …`.

    With a `password`, nobody sends without AUTH, by PLAIN or LOGIN. `greeting_delay` is how many seconds a
    client waits for the first line, as mail servers make strangers wait; changed, it counts at once.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, folder, *, host="127.0.0.1", port=0, password=None, greeting_delay=0.0):
        """Listen; port 0 takes a free one."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.password = password
        self.greeting_delay = greeting_delay
        self.closing = threading.Event()
        self._number = len(self.messages())
        self._keeping = threading.Lock()
        super().__init__((host, port), Session)

    @property
    def port(self):
        """The port that clients connect to."""
        return self.server_address[1]

    def messages(self):
        """The files of all messages that were taken, in the order they came."""
        return sorted(self.folder.glob("*.eml"))

    def keep(self, recipients, content):
        """Write a message to the folder; it is there as a whole or not at all."""
        with self._keeping:
            self._number += 1
            name = re.sub(r"[^A-Za-z0-9.@+-]", "_", recipients[0])[:80]
            path = self.folder / f"{self._number:05}-{name}.eml"
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(content)
            unfinished.replace(path)
            return path.name

    def __enter__(self):
        """Begin to serve."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error):
        """Serve no more."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class Session(socketserver.StreamRequestHandler):
    """One client's conversation, RFC 5321 as far as a sender needs it."""

    timeout = QUIET_SECONDS

    def handle(self):
        """Greet, then answer line by line until QUIT or until the client is gone."""
        self.is_known = self.server.password is None
        self.begin()
        try:
            self.greet()
            while (line := self.hear()) is not None:
                verb, _, rest = line.partition(" ")
                if verb.upper() == "QUIT":
                    self.say("221 bye")
                    return
                self.answer(verb.upper(), rest.strip())
        except OSError:
            pass  # the client left in the middle: what was not taken with 250 was not taken

    def greet(self):
        """Say the first line when it is time."""
        came = time.monotonic()
        while time.monotonic() - came < self.server.greeting_delay and not self.server.closing.wait(0.05):
            pass
        self.say("220 shop test server")

    def answer(self, verb, rest):
        """One command, one answer."""
        if verb in ("EHLO", "HELO"):
            self.begin()
            self.say(
                "250-shop test server", "250-8BITMIME", f"250-SIZE {MAX_MESSAGE}", "250 AUTH PLAIN LOGIN"
            )
        elif verb == "AUTH":
            self.login(rest)
        elif verb == "MAIL" and not self.is_known:
            self.say("530 5.7.0 authentication required")
        elif verb == "MAIL":
            self.begin(sender=rest)
            self.say("250 2.1.0 sender ok")
        elif verb == "RCPT" and self.sender is not None:
            self.recipients.append(rest.partition(":")[2].split(" ")[0].strip("<>") or "nobody")
            self.say("250 2.1.5 recipient ok")
        elif verb == "DATA" and self.recipients:
            self.take()
        elif verb in ("RSET", "NOOP"):
            if verb == "RSET":
                self.begin()
            self.say("250 2.0.0 ok")
        else:
            self.say("503 5.5.1 not now, or not known")

    def begin(self, sender=None):
        """Start a message."""
        self.sender, self.recipients = sender, []

    def login(self, rest):
        """AUTH PLAIN, with or without an initial response, and AUTH LOGIN."""
        method, _, initial = rest.partition(" ")
        try:
            if method.upper() == "PLAIN":
                password = self.decoded(initial or self.ask("")).split("\0")[-1]
            elif method.upper() == "LOGIN":
                if not initial:
                    self.ask("Username:")
                password = self.decoded(self.ask("Password:"))
            else:
                self.say("504 5.5.4 PLAIN or LOGIN")
                return
        except ValueError:
            self.say("501 5.5.2 not base64")
            return
        self.is_known = self.server.password in (None, password)
        self.say("235 2.7.0 welcome" if self.is_known else "535 5.7.8 wrong user or password")

    def take(self):
        """Read a message up to its lone dot, and keep it before it is accepted."""
        self.say("354 continue, end with a dot")
        lines, size = [], 0
        while (line := self.rfile.readline(MAX_LINE)) not in (b".\r\n", b".\n"):
            if not line:
                raise ConnectionError("gone before the end of the message")
            size += len(line)
            if size <= MAX_MESSAGE:
                lines.append(line.removeprefix(b"."))
        if size > MAX_MESSAGE:
            self.say("552 5.3.4 too large")
        else:
            try:
                name = self.server.keep(self.recipients, b"".join(lines))
            except OSError as error:
                self.say(f"451 4.3.0 cannot be kept now: {error.strerror}")
            else:
                self.say(f"250 2.0.0 kept as {name}")
        self.begin()

    def ask(self, question):
        """The client's answer to a challenge."""
        self.say(f"334 {base64.b64encode(question.encode()).decode()}")
        return self.hear() or ""

    @staticmethod
    def decoded(text):
        """Base64 text as text; ValueError when it is not that."""
        return base64.b64decode(text, validate=True).decode()

    def hear(self):
        """The next line, or None when the client is gone."""
        line = self.rfile.readline(MAX_LINE)
        return line.decode("utf-8", "replace").rstrip("\r\n") if line else None

    def say(self, *lines):
        """Send lines."""
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


def main():
    """Serve until Ctrl-C."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--port", type=int, default=1025)
    options.add_argument("--folder", type=Path, default=Path(__file__).parent / "var" / "mail")
    given = options.parse_args()
    with MailServer(given.folder, port=given.port) as server:
        print(f"mail for anybody is taken on localhost:{server.port} and kept in {server.folder}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
