"""The shop, live: four jobs run, fail, are retried, edited and killed; at the end jobfile answers for each
run.

It works on a new copy in samples/shop/.demo. Every step checks what it shows, so the exit code is 0 only if
everything happened as announced.
"""

import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

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
    nearby,
    of_job,
    say,
    sender_of,
    title,
    wait_until_nothing_is_left,
)
from upstream import deliver

NOT_COPIED = (".demo", ".jobfile", "var", "__pycache__", "demo.py", "stage.py", "make_data.py")

LIMIT = ("--for", "2m")
NIGHTLY = 'schedule: "15 4 * * *"'
NIGHTLY_SHORT = "schedule: {every: 5s}"


def prepare():
    """A fresh copy of the shop, with short waits."""
    clear_up()
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(SHOP, FOLDER, ignore=shutil.ignore_patterns(*NOT_COPIED))
    edit("delay: 10s", "delay: 2s\n      jitter: none")
    edit("delay: 5m", "delay: 3s\n      backoff: fixed\n      jitter: none")
    subprocess.run([sys.executable, "build_shop.py"], cwd=FOLDER, check=True, stdout=subprocess.DEVNULL)
    webshop_delivers("cut")


def webshop_delivers(stage):
    """Deliver yesterday's batch; shortly before midnight also today's, because
    that will soon be yesterday's.
    """
    now = datetime.now(UTC)
    for day in {(now + timedelta(minutes=minutes)).date() - timedelta(days=1) for minutes in (0, 1)}:
        deliver(FOLDER / "data" / "batch.csv", FOLDER / "var" / "incoming", day, stage)


def come_up(demo):
    """1. The engine starts."""
    say("A tea shop's four jobs at work, on a copy in samples/shop/.demo with short schedules.")
    title("1. The engine starts, and says what starts each job")
    demo.start_engine(*LIMIT)
    demo.wait_for_generation(1)
    demo.ask("next", "--limit", "3", code=0)
    say("A page shows all of it; open the address in a browser within a minute, it signs you in:")
    demo.start_page()


def welcome_once(demo):
    """2. Submitted three times, sent once; requested again by hand, not sent again."""
    title("2. A customer signs up, and sends the form three times: one welcome mail")
    ids = {sign_up(demo, 1042, "kari@example.com") for _ in range(3)}
    expect(len(ids) == 1, f"one run for customer 1042, found {len(ids)}")
    demo.watch(lambda runs: over(runs, *ids), "the welcome mail")
    demo.ask("run", "welcome-email", "-p", "user_id=1042", "-p", "email=kari@example.com", code=0)
    expect(demo.mails_to(1042) == 1, f"one mail for customer 1042, found {demo.mails_to(1042)}")
    say(f"The mail server has {demo.mails_to(1042)} mail for customer 1042.")


def resize_photos(demo):
    """3. A photo with an awkward name, and a file that is not a photo."""
    title("3. Customers upload a photo with a difficult name, and a file that is no photo")
    before, after = (FOLDER / place / "Kari's garden.jpg" for place in ("data/inbox", "var/outbox"))
    upload(before.name, before.read_bytes())
    upload("holiday.jpg", b"this was never a photo\n")
    runs = demo.watch(photos_of, "a run for each uploaded file")
    expect(after.read_bytes().startswith(b"\xff\xd8\xff"), "a JPEG in var/outbox")
    expect(after.stat().st_size < before.stat().st_size, "a smaller file in var/outbox")
    states = {run["trigger_values"]["name"]: run["state"] for run in runs}
    expect(states == {before.name: "succeeded", "holiday.jpg": "failed"}, "one photo and one failure")
    demo.ask("did", "resize-photo", code=1)


def upload(name, content):
    """Store a file as a web page does: under another name until it is complete."""
    print(f"   {name} is uploaded", flush=True)
    unfinished = FOLDER / "var" / "uploads" / f".{name}.part"
    unfinished.write_bytes(content)
    unfinished.rename(unfinished.with_name(name))


def photos_of(runs):
    """The runs for both uploads, if they are over."""
    found = [run for run in of_job(runs, "resize-photo") if run["state"] not in OPEN]
    return found if len(found) == 2 else None


def edit_a_schedule(demo):
    """4. A schedule is edited while the engine runs; the batch fails twice and
    succeeds at the third attempt.
    """
    title("4. A schedule is edited while the engine runs")
    edit_and_say(NIGHTLY, NIGHTLY_SHORT)
    demo.wait_for_generation(2)
    say(
        """Last night's batch is incomplete: the webshop's connection broke. nightly-orders fails and is
        retried, while the webshop delivers again: first with orders missing, then all of it."""
    )
    first = demo.watch(lambda runs: failed_tries(runs, 1), "a first failed attempt")
    webshop_delivers("short")
    demo.watch(lambda runs: failed_tries(runs, 2), "a second failed attempt")
    webshop_delivers("whole")
    run = demo.watch(lambda runs: over(runs, first["id"]), "the end of the batch")
    expect((run["state"], run["attempts"]) == ("succeeded", 3), "the batch to be loaded at the third attempt")
    expect(run["generation"] == 2, "a run of generation 2")
    demo.ask("logs", run["id"][:8], code=0)
    report = demo.watch(lambda runs: report_after(runs, run), "the report after the load")
    expect(report["scheduled_for"] == run["scheduled_for"], "a report for the time of its load")
    say("The report follows the load, for the same time, without a schedule of its own.")
    return run


def report_after(runs, load):
    """The report that follows a load, if it has succeeded."""
    found = (run for run in of_job(runs, "weekly-report") if run["caused_by"] == load["id"])
    return next((run for run in found if run["state"] == "succeeded"), None)


def failed_tries(runs, number):
    """The run of nightly-orders that waits after at least `number` failed attempts."""
    waiting = of_job(runs, "nightly-orders")
    return next((run for run in waiting if run["state"] == "retry_wait" and run["attempts"] >= number), None)


def over(runs, run_id):
    """The run, if it is over."""
    return next((run for run in runs if run["id"] == run_id and run["state"] not in OPEN), None)


def break_the_file(demo):
    """5. A broken file is rejected, and the last good generation stays in force."""
    title("5. The file is broken, and fixed")
    edit_and_say("timeout: 1m", "timeoout: 1m")
    demo.watch(lambda _runs: demo.data("status")["rejected"], "the file to be rejected")
    status = demo.data("status")
    demo.line(None, "engine", f"rejected the file: generation {status['generation']} stays in force")
    expect(status["generation"] == 2, "generation 2 to stay in force")
    broken_at = datetime.now(UTC)
    demo.ask("check", code=1)
    demo.watch(
        lambda runs: any(
            run["generation"] == 2 and datetime.fromisoformat(run["started_at"]) > broken_at
            for run in of_job(runs, "weekly-report")
            if run["state"] == "succeeded"
        ),
        "a report in spite of the broken file",
    )
    say("The jobs continued. Now the mistake is fixed, and the batch is loaded at night again.")
    edit(NIGHTLY_SHORT, NIGHTLY)
    edit_and_say("timeoout: 1m", "timeout: 1m")
    demo.wait_for_generation(3)
    expect(not demo.data("status")["rejected"], "nothing to be rejected any more")


def kill_an_attempt(demo):
    """6. A job's process gets SIGKILL."""
    title("6. A job is killed in the middle of its work")
    demo.mail.greeting_delay = 15
    run_id = sign_up(demo, 1043, "ola@example.com")
    pid = demo.watch(lambda _runs: sender_of(1043), "a process that sends the mail")
    os.kill(pid, signal.SIGKILL)
    demo.line(None, "demo", f"kill -9 {pid}: that was the sender, waiting for a slow mail server")
    demo.mail.greeting_delay = 0
    run = demo.watch(lambda runs: over(runs, run_id), "the end of the killed run")
    expect((run["state"], run["attempts"]) == ("succeeded", 2), "a second attempt that succeeds")
    expect(demo.mails_to(1043) == 1, f"one mail for customer 1043, found {demo.mails_to(1043)}")
    say("The second attempt sent it. The mail server has 1 mail for customer 1043.")


def kill_the_engine(demo):
    """7. The engine gets SIGKILL while a job runs."""
    title("7. The engine is killed while a job runs")
    demo.mail.greeting_delay = 18
    run_id = sign_up(demo, 1044, "ingrid@example.com")
    pid = demo.watch(lambda _runs: sender_of(1044), "a process that sends the mail")
    demo.engine.kill()
    demo.engine.wait()
    demo.line(None, "demo", f"kill -9 {demo.engine.pid}: that was the engine")
    expect(sender_of(1044) == pid, "the job to continue without the engine")
    say(f"The job, process {pid}, continues without it. A new engine takes it over.")
    demo.start_engine(*LIMIT)
    demo.wait_for_generation(3)
    expect(sender_of(1044) == pid, "the same process under the new engine")
    demo.mail.greeting_delay = 0
    run = demo.watch(lambda runs: over(runs, run_id), "the end of the adopted run")
    expect(
        (run["state"], run["attempts"], run["exit_code"]) == ("succeeded", 1, 0), "one attempt, exit code 0"
    )
    expect(demo.mails_to(1044) == 1, f"one mail for customer 1044, found {demo.mails_to(1044)}")
    say("It was executed once, and its exit code is known. The mail server has 1 mail for customer 1044.")


def sign_up(demo, user_id, address):
    """Sign a customer up as the web page does, through jobfile.client; return the id of the mail's run."""
    words = demo.python("sign_up.py", str(user_id), address).stdout.split()
    expect(words, f"customer {user_id} to be signed up")
    demo.followed.add(words[-1])
    return words[-1]


def answer_for_it(demo, night):
    """8. The report, and some questions."""
    title("8. Did it run? Did it succeed?")
    demo.watch(lambda runs: all(run["state"] not in OPEN for run in runs), "everything to be over")
    demo.ask("report", code=1)
    check_the_sum(demo.data("report"))
    say("Exit code 1: one run failed, and the report shows which. Expected is the sum of the verdicts.")
    print()
    at = datetime.fromisoformat(night["scheduled_for"]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    demo.ask("did", "welcome-email", "-p", "user_id=1042", code=0)
    demo.ask("did", "weekly-report", "-p", "account=8812", "--at", at, code=0)
    demo.ask("did", "nightly-orders", "--at", at, code=0)
    say("And everything that is known about one of them:")
    demo.ask("why", "weekly-report", at, code=0)


VERDICTS = (
    "succeeded",
    "fixed_by_hand",
    "failed",
    "timed_out",
    "cancelled",
    "lost",
    "skipped",
    "missed",
    "overdue",
    "open",
)


def check_the_sum(report):
    """Check that expected is the sum of the verdicts, and that only the false photo failed."""
    for row in (report, *report["jobs"]):
        expect(row["expected"] == sum(row[verdict] for verdict in VERDICTS), "the report to add up")
    expect(report["failed"] == 1, f"one failed run, found {report['failed']}")
    expect(report["timed_out"] + report["lost"] + report["open"] == 0, "nothing lost, nothing open")


def check_the_secret():
    """Check that the password reached the mail server and is in no stored file."""
    kept = [path for path in FOLDER.rglob("*") if path.is_file()]
    found = [path for path in kept if PASSWORD.encode() in path.read_bytes()]
    expect(not found, f"the password to be in no file, found it in {found}")


def where_to_look():
    """Show the files that the jobs made."""
    title("What the jobs made")
    pages = sorted((FOLDER / "var" / "reports").glob("*.html"))
    expect(pages, "a report in var/reports")
    for path in (
        *pages,
        FOLDER / "var/outbox/Kari's garden.jpg",
        FOLDER / "var/mail",
        FOLDER / "engine-output.txt",
    ):
        print(f"   {nearby(path)}", flush=True)


def stay(demo):
    """Leave the engine and the page up until Ctrl-C."""
    title("The engine and the page stay up, until Ctrl-C")
    demo.start_engine()
    demo.start_page()
    demo.page.wait()


def play(*, is_kept):
    """Run all steps, in order."""
    prepare()
    with MailServer(FOLDER / "var" / "mail", password=PASSWORD) as mail:
        edit("smtp_port: 1025", f"smtp_port: {mail.port}")
        demo = Demo(mail)
        try:
            come_up(demo)
            welcome_once(demo)
            resize_photos(demo)
            night = edit_a_schedule(demo)
            break_the_file(demo)
            kill_an_attempt(demo)
            kill_the_engine(demo)
            answer_for_it(demo, night)
            demo.stop()
            wait_until_nothing_is_left()
            check_the_secret()
            where_to_look()
            if is_kept:
                stay(demo)
        finally:
            demo.stop()
            clear_up()
    print(f"\nTo look around: cd {nearby(FOLDER)} && {BIN / 'jobfile'} runs")
    print(f"All happened as announced, in {(datetime.now(UTC) - demo.began).total_seconds():.0f} seconds.")


def main():
    """Run the demo; the exit code is 0 if everything happened as announced."""
    if not (BIN / "jobfile").exists():
        print(f"there is no jobfile beside {sys.executable}: run  make demo", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with alone():
            play(is_kept="--keep" in sys.argv[1:])
    except NotAsExpectedError as error:
        sys.stdout.flush()
        print(f"\nNOT AS EXPECTED: the demo waited for {error}.", file=sys.stderr)
        print(f"The engine's output is in {nearby(FOLDER / 'engine-output.txt')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
