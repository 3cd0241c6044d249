"""The shop on three hosts that share a ledger in PostgreSQL; one of them loses its power in the middle of its
work. At the end jobfile answers the same four questions as in the demo on one host.

Each host is a process namespace of its own, whose first process is killed: everything on it ends at once, as
when its power is cut. That needs root. The server and the copy of the shop are new each time.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from demo import (
    NIGHTLY,
    NIGHTLY_SHORT,
    NOT_COPIED,
    check_the_secret,
    over,
    photos_of,
    sign_up,
    upload,
    webshop_delivers,
)
from smtp_server import MailServer
from stage import (
    BIN,
    FOLDER,
    OPEN,
    PASSWORD,
    SHOP,
    Demo,
    NotAsExpectedError,
    alone,
    clear_up,
    edit,
    edit_and_say,
    expect,
    say,
    sender_of,
    show,
    title,
)

HOSTS = ("oslo", "bergen", "tromso")
NOBODY = 65534
SERVERS = "/usr/lib/postgresql"
SETTINGS = "listen_addresses = ''\nunix_socket_directories = '{folder}'\nfsync = off\n"
SHORT = {"JOBFILE_LEASE": "6", "JOBFILE_LEASE_ONCE": "8", "JOBFILE_LEADER_TERM": "4"}
"""Leases of seconds, so that nobody has to wait; usually they are minutes."""
HOST = ("unshare", "--pid", "--fork", "--mount", "--kill-child=KILL", "--mount-proc")


class Server:
    """A PostgreSQL server in a folder of its own, as a user that is not root."""

    def __init__(self):
        """Make it and start it."""
        self.folder = Path(tempfile.mkdtemp(prefix="jobfile-shop-", dir="/tmp"))
        os.chown(self.folder, NOBODY, NOBODY)
        self._tool(
            "initdb", "-D", self.folder / "data", "-U", "jobfile", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(folder=self.folder))
        self._tool("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "start")
        self.url = f"postgresql://jobfile@/postgres?host={self.folder}"

    def stop(self):
        """Stop it, and delete it."""
        self._tool("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _tool(self, name, *arguments):
        program = max(Path(SERVERS).glob(f"*/bin/{name}"))
        user = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        subprocess.run([*user, program, *arguments], cwd="/", check=True, stdout=subprocess.DEVNULL)


class Hosts(Demo):
    """Three hosts, as three namespaces of processes, and the commands of a user beside them."""

    def __init__(self, mail, server):
        """No host runs yet."""
        super().__init__(mail)
        self.environment |= {"JOBFILE_STORE": server.url, **SHORT}
        self.hosts = {}
        self.engine = self

    def poll(self):
        """None while a host runs: what the watching of the demo asks its engine."""
        return None if any(one.poll() is None for one in self.hosts.values()) else 1

    returncode = 1

    def start(self, name):
        """Start a host."""
        up = ["up", "--role", "all", "--name", name, "--state", f"hosts/{name}"]
        print(f"{name}$ jobfile {' '.join(up)}", flush=True)
        with (FOLDER / "engine-output.txt").open("a") as output:
            self.hosts[name] = subprocess.Popen(
                [*HOST, BIN / "jobfile", *up],
                cwd=FOLDER,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def cut_power(self, name):
        """End everything on a host at once."""
        self.hosts[name].kill()
        self.hosts[name].wait()
        self.line(None, "demo", f"the power of {name} is cut")

    def stop(self):
        """End all hosts."""
        for process in self.hosts.values():
            process.kill()
            process.wait()

    def host_of(self, run_id):
        """The host that executes a run; None when none does yet."""
        for host in self.data("hosts")["hosts"]:
            if any(one["run"] == run_id for one in host["attempts"]):
                return host["name"]
        return None

    def put_in_force(self, number):
        """Apply the file, as a pipeline does when a change was merged."""
        print("$ jobfile apply --yes", flush=True)
        applied = self.jobfile("apply", "--yes")
        expect(applied.returncode == 0, f"the file to be applied: {applied.stderr}")
        show("…\n" + applied.stdout.splitlines()[-1])
        self.wait_for_generation(number)


def come_up(demo):
    """1. Three hosts, and a file that is applied once."""
    say("A tea shop's four jobs on three hosts, which share a ledger in PostgreSQL.")
    title("1. Three hosts start; one of them leads")
    for name in HOSTS:
        demo.start(name)
    demo.watch(lambda _runs: are_there(demo, *HOSTS), "three hosts and a leader")
    demo.put_in_force(1)
    demo.ask("hosts", code=0)


def are_there(demo, *names):
    """Whether these hosts take work, and one leads."""
    found = demo.data("hosts")
    if not found or found["leader"] is None or not found["leader"]["leads"]:
        return False
    return {*names} <= {host["name"] for host in found["hosts"] if host["state"] == "up"}


def cut_the_power(demo):
    """2. The host that sends a mail loses its power; another one sends it, once."""
    title("2. A mail is being sent, and the power of that host is cut")
    demo.mail.greeting_delay = 30
    run_id = sign_up(demo, 1042, "kari@example.com")
    demo.watch(lambda _runs: sender_of(1042), "a process that sends the mail")
    host = demo.watch(lambda _runs: demo.host_of(run_id), "the host of the mail")
    demo.ask("why", run_id[:8], code=0)
    demo.mail.greeting_delay = 0
    demo.cut_power(host)
    run = demo.watch(lambda runs: over(runs, run_id), "the end of the mail's run")
    expect((run["state"], run["attempts"]) == ("succeeded", 2), "a second attempt that succeeds")
    expect(demo.mails_to(1042) == 1, f"one mail for customer 1042, found {demo.mails_to(1042)}")
    say(f"Another host has sent it, when the lease of {host} was over. The customer has one mail.")
    demo.ask("hosts", code=0)
    return host


def load_the_batch(demo):
    """3. The batch is loaded by two hosts, and its report follows."""
    title("3. Meanwhile the other two load the batch, write the report, and shrink a photo")
    webshop_delivers("whole")
    edit_and_say(NIGHTLY, NIGHTLY_SHORT)
    demo.put_in_force(2)
    before = FOLDER / "data" / "inbox" / "Kari's garden.jpg"
    upload(before.name, before.read_bytes())
    upload("holiday.jpg", b"this was never a photo\n")
    night = demo.watch(
        lambda runs: next(
            (run for run in runs if run["job"] == "nightly-orders" and run["state"] == "succeeded"), None
        ),
        "a loaded batch",
    )
    demo.watch(
        lambda runs: any(run["job"] == "weekly-report" and run["state"] == "succeeded" for run in runs),
        "the report after the load",
    )
    demo.watch(photos_of, "a run for each photo")
    edit(NIGHTLY_SHORT, NIGHTLY)
    demo.put_in_force(3)
    return night


def come_back(demo, name):
    """4. The host comes back, and takes work again."""
    title("4. The host comes back")
    demo.start(name)
    demo.watch(lambda _runs: are_there(demo, name), f"{name} to be there again")
    demo.line(None, name, "takes work again")


def answer_for_it(demo, night):
    """5. The same four questions as on one host."""
    title("5. Did it run? Did it succeed?")
    demo.watch(lambda runs: all(run["state"] not in OPEN for run in runs), "everything to be over")
    at = datetime.fromisoformat(night["scheduled_for"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    demo.ask("did", "welcome-email", "-p", "user_id=1042", code=0)
    demo.ask("did", "weekly-report", "-p", "account=8812", "--at", at, code=0)
    demo.ask("did", "nightly-orders", "--at", at, code=0)
    demo.ask("did", "resize-photo", code=1)
    report = demo.data("report")
    expect(report["lost"] + report["open"] == 0, "nothing lost, nothing open")


def play():
    """Run all steps, in order."""
    clear_up()
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(SHOP, FOLDER, ignore=shutil.ignore_patterns(*NOT_COPIED))
    edit("delay: 10s", "delay: 1s\n      jitter: none")
    subprocess.run([sys.executable, "build_shop.py"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
    server = Server()
    try:
        with MailServer(FOLDER / "var" / "mail", password=PASSWORD) as mail:
            edit("smtp_port: 1025", f"smtp_port: {mail.port}")
            demo = Hosts(mail, server)
            try:
                come_up(demo)
                name = cut_the_power(demo)
                night = load_the_batch(demo)
                come_back(demo, name)
                answer_for_it(demo, night)
                check_the_secret()
            finally:
                demo.stop()
                clear_up()
    finally:
        server.stop()
    print(f"All happened as announced, in {(datetime.now(UTC) - demo.began).total_seconds():.0f} seconds.")


def main():
    """Run the demo; the exit code is 0 if everything happened as announced."""
    if os.geteuid() != 0:
        print(
            "a host whose power is cut is a namespace of processes, which only root can make", file=sys.stderr
        )
        return 1
    if not list(Path(SERVERS).glob("*/bin/postgres")):
        print("there is no PostgreSQL server here: install one (Debian: postgresql)", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with alone():
            play()
    except NotAsExpectedError as error:
        sys.stdout.flush()
        print(f"\nNOT AS EXPECTED: the demo waited for {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
