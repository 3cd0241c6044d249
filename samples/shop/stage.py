"""The stage of the demo: its copy of the shop, its engine, and how it shows what happens."""

import contextlib
import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path

SHOP = Path(__file__).resolve().parent
FOLDER = SHOP / ".demo"
BIN = Path(sys.executable).parent
PROC = Path("/proc")
PASSWORD = "a kettle of fish"

WIDTH = 78
LOOK_SECONDS = 0.3
PATIENCE_SECONDS = 25
OPEN = ("queued", "running", "cancelling", "retry_wait")


class NotAsExpectedError(Exception):
    """Something that the demo announced did not happen."""


def expect(is_true, what):
    """Check a claim of the demo."""
    if not is_true:
        raise NotAsExpectedError(what)


# What is printed.


def title(text):
    """The heading of a step."""
    print(f"\n== {text} ".ljust(WIDTH, "="), flush=True)


def say(text):
    """A sentence for the reader."""
    print(textwrap.fill(" ".join(text.split()), WIDTH), flush=True)


def show(text, mark="   | ", then="   |     "):
    """What a command printed; a long line continues on the next one, after `then`."""
    for line in text.rstrip().splitlines():
        folded = textwrap.fill(line, WIDTH, initial_indent=mark, subsequent_indent=then)
        print(folded or mark.rstrip(), flush=True)


def typed(arguments):
    """Arguments as a user types them in a shell."""
    return " ".join(
        f'"{one}"' if "'" in one and not set('"$`\\!') & set(one) else shlex.quote(one) for one in arguments
    )


# The demo's own processes and files.


class Demo:
    """The engine, the mail server, and which ends of runs were printed so far."""

    def __init__(self, mail):
        """Nothing runs yet."""
        self.mail = mail
        self.engine = None
        self.page = None
        self.began = datetime.now(UTC)
        self.told = {}
        self.followed = set()
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("JOBFILE_")
        }
        self.environment |= {
            "SHOP_DEMO": str(FOLDER),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "SHOP_SMTP_PASSWORD": PASSWORD,
        }

    def start_engine(self, *limit):
        """Start `jobfile up` in its own session, which Ctrl-C does not reach; `limit` is when it ends."""
        print(f"$ jobfile {typed(['up', *limit])}", flush=True)
        with (FOLDER / "engine-output.txt").open("a") as output:
            self.engine = subprocess.Popen(
                [BIN / "jobfile", "up", *limit],
                cwd=FOLDER,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def start_page(self):
        """Start `jobfile serve` beside the engine, and print an address that signs one browser in."""
        serve = ["serve", "--listen", "127.0.0.1:0", *(["--allow-root"] if os.geteuid() == 0 else [])]
        with (FOLDER / "page-output.txt").open("a") as output:
            self.page = subprocess.Popen(
                [BIN / "jobfile", *serve],
                cwd=FOLDER,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                encoding="utf-8",
                start_new_session=True,
            )
        print(f"$ jobfile {typed(serve)}", flush=True)
        said = self.page.stdout.readline()
        expect(said.startswith("the page is at http"), "the page to be served")
        show(said)
        print("$ jobfile ui --no-browser", flush=True)
        address = self.jobfile("ui", "--no-browser").stdout.strip()
        expect("#code=" in address, "an address that signs a browser in")
        print(f"   {address}", flush=True)  # in one piece, so that a terminal can open it

    def stop(self):
        """Ask the engine and the page to end, and wait until they have."""
        for process in (self.engine, self.page):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def jobfile(self, *arguments):
        """Run a command of jobfile beside the engine."""
        try:
            return subprocess.run(
                [BIN / "jobfile", *arguments],
                cwd=FOLDER,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise NotAsExpectedError(f"the end of `jobfile {typed(arguments)}`") from error

    def ask(self, *arguments, code):
        """Show a command, what it printed and its exit code, which must be the one expected."""
        print(f"$ jobfile {typed(arguments)}", flush=True)
        answer = self.jobfile(*arguments)
        show(answer.stdout + answer.stderr)
        print(f"   -> exit code {answer.returncode}", flush=True)
        expect(answer.returncode == code, f"exit code {code} of `jobfile {typed(arguments)}`")
        return answer

    def python(self, *arguments):
        """Show a program of the shop that runs beside the engine, and what it printed."""
        print(f"$ python3 {typed(arguments)}", flush=True)
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=FOLDER,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        show(done.stdout + done.stderr)
        return done

    def data(self, *arguments):
        """The JSON that a command prints, or None if there is none yet."""
        answer = self.jobfile(*arguments, "--json")
        found = json.loads(answer.stdout) if answer.stdout.strip() else None
        return None if found and "error" in found else found

    # The live log.

    def watch(self, until, what):
        """Print what happens to the runs until `until` finds something; return that."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = self.data("runs", "--limit", "200")
            runs = found["runs"] if found else []
            self.tell(runs)
            found = until(runs)
            if found:
                return found
            expect(
                self.engine.poll() is None, f"the engine to continue (it ended with {self.engine.returncode})"
            )
            expect(time.monotonic() < deadline, f"{what}, within {PATIENCE_SECONDS} seconds")
            time.sleep(LOOK_SECONDS)

    def tell(self, runs):
        """One line for each run that ended, and for each attempt that failed, in the order of their ends."""
        for run in sorted(runs, key=lambda run: run["ended_at"] or "~"):
            news = (run["state"], run["attempts"])
            is_news = run["state"] not in ("queued", "running", "cancelling")
            was_shown = run["trigger"] == "manual" and run["id"] not in self.followed
            if is_news and not was_shown and self.told.get(run["id"]) != news:
                self.told[run["id"]] = news
                self.line(run["ended_at"], run["job"], in_words(run))

    def line(self, at, what, text):
        """A line of the live log; the time counts from the start of the demo."""
        moment = datetime.fromisoformat(at) if at else datetime.now(UTC)
        seconds = (moment - self.began).total_seconds()
        show(text, mark=f"{seconds:6.1f}s  {what:<15} ", then=" " * 28)

    def wait_for_generation(self, number):
        """Wait until the engine has put the file in force as this generation."""

        def is_there(_runs):
            status = self.data("status")
            return status and status["engine"]["running"] and status["generation"] == number

        self.watch(is_there, f"generation {number}")
        self.line(None, "engine", f"generation {number} is in force")

    def mails_to(self, user_id):
        """How many messages the mail server holds for a customer."""
        mark = f"Message-ID: <welcome-{user_id}@".encode()
        return sum(mark in path.read_bytes() for path in self.mail.messages())


def in_words(run):
    """What a run came to, in few words."""
    params = ", ".join(f"{name}={value}" for name, value in run["params"].items())
    given = f"  ({params})" if params else ""
    if run["state"] == "retry_wait":
        return f"attempt {run['attempts']} failed: {run['reason']}; it will be retried"
    attempt = f", attempt {run['attempts']}" if run["attempts"] > 1 else ""
    why = f": {run['reason']}" if run["reason"] else ""
    return f"{run['state']}{attempt}{why}{given}"


def of_job(runs, job, **params):
    """The runs of a job with these params, newest first."""
    return [run for run in runs if run["job"] == job and params.items() <= run["params"].items()]


def edit(old, new):
    """Change one place of jobs.yaml, saved as editors do: a new file takes the old one's place."""
    path = FOLDER / "jobs.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"jobs.yaml holds {old!r} {text.count(old)} times"
    unfinished = path.with_suffix(".new")
    unfinished.write_text(text.replace(old, new), encoding="utf-8")
    unfinished.replace(path)


def edit_and_say(old, new):
    """Change jobs.yaml and show what was changed."""
    print(f"   - {old}\n   + {new}", flush=True)
    edit(old, new)


def sender_of(user_id):
    """The process that sends the mail to a customer, or None."""
    for pid, arguments in processes():
        if "welcome_email.py" in arguments and str(user_id) in arguments:
            return pid
    return None


def processes():
    """(pid, arguments) of this machine's processes."""
    if PROC.exists():
        for folder in PROC.glob("[0-9]*"):
            with contextlib.suppress(OSError):
                yield int(folder.name), (folder / "cmdline").read_text(errors="replace").split("\0")
    else:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,args="], capture_output=True, text=True, check=True)
        for pid, *arguments in map(str.split, listed.stdout.splitlines()):
            yield int(pid), arguments


def left_behind():
    """Processes that the demo's engine or its jobs have left, told by their environment."""
    marks = (f"SHOP_DEMO={FOLDER}\0".encode(), f"JOBFILE_RUN_DIR={FOLDER}/".encode())
    found = []
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (folder / "environ").read_bytes()
            if any(mark in environment for mark in marks):
                found.append(int(folder.name))
    return found


def wait_until_nothing_is_left():
    """Give what is ending a moment to end."""
    deadline = time.monotonic() + 5
    while left_behind() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    expect(not left_behind(), "no process to be left behind")


def clear_up():
    """End what is left, of this demo or of one that was killed."""
    for pid in left_behind():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def alone():
    """One demo at a time: they share a folder. The system frees the lock whatever happens to us."""
    folder = os.open(SHOP, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise NotAsExpectedError("another demo to end, which runs in the same folder") from None
    else:
        yield
    finally:
        os.close(folder)


def nearby(path):
    """The path from here, if it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
