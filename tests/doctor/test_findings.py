"""For each finding a real trouble that brings it about; and silence about a ledger that is sound."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.answers.findings import AREAS, CODES, MAX_LISTED, Finding, Severity
from engine.answers.hosts import Fleet, Held, HostState
from engine.core.hosts import Leader, Scheduler
from engine.core.lifecycle import AttemptKey, RunState
from engine.core.records import CLOCK_HOLD, DISK_HOLD, RESTORED_HOLD, WATCHED, Owed, Watched
from engine.doctor.disk import check_room
from engine.doctor.hosts import check_ended, check_fleet, check_holders
from engine.doctor.subject import Subject
from engine.execution.run_folders import Room
from engine.host.keys import key_of, make_key
from engine.host.lock import make_private_file, make_state_dir
from engine.ledger.opening import open_ledger
from engine.ledger.watched_fact import watched_to_text
from engine.supervisor.evidence import NAME, beside, pack
from jobfile import __version__
from tests.builders import HOUR, MINUTE, NOON, a_host
from tests.doctor.conftest import RENAMED, SOUND, Patient, write_result
from tests.engine.test_hosts import a_delivery
from tests.postgres_servers import a_server

Trouble = Callable[[Patient], Iterable[Finding] | None]
TROUBLES: list[tuple[str, str, Trouble]] = []

A_MISSED = "(select id from run where state = 'missed' order by seq limit 1)"
OF_A_RUN = "run_seq = (select seq from run where id = {})"
A_FAILED = "(select id from run where state = 'failed' order by seq limit 1)"


def brings(code: str, said: str) -> Callable[[Trouble], Trouble]:
    """The trouble brings a finding with this code, whose text holds these words."""

    def register(trouble: Trouble) -> Trouble:
        TROUBLES.append((code, said, trouble))
        return trouble

    return register


@pytest.mark.parametrize(("code", "said", "trouble"), TROUBLES, ids=lambda one: getattr(one, "__name__", ""))
def test_each_trouble_is_found(patient: Patient, code: str, said: str, trouble: Trouble) -> None:
    direct = trouble(patient)
    found = [one for area in patient.examine() for one in area.findings] if direct is None else [*direct]
    of_code = [one for one in found if one.code == code]
    assert of_code, found
    assert any(said in one.found for one in of_code), of_code
    by_itself = ("clock.behind", "disk.held", "leftovers.folder", "machine.container")
    assert of_code[0].help.count("`") >= 2 or code in by_itself, "it says what to type"


def test_every_finding_has_a_trouble_and_an_area() -> None:
    assert {code for code, _, _ in TROUBLES} == set(CODES)
    assert {code.partition(".")[0] for code in CODES} == set(AREAS)


def test_a_ledger_to_which_everything_happened_is_sound(patient: Patient) -> None:
    states = {one.run_state for one in patient.world.view.soundness.last_states()}
    assert states >= {"succeeded", "failed", "lost", "missed", "skipped", "running"}
    gaps = patient.world.all_gaps()
    assert {gap.pruned_at is None for gap in gaps} == {True, False}
    assert {key.clock_epoch for key in patient.world.view.soundness.set_keys()} == {0, 1}
    examined = patient.examine()
    assert [one.area for one in examined] == [one for one in AREAS if one != "hosts"], "there is one host"
    assert [finding for one in examined for finding in one.findings] == []


def test_an_examination_changes_no_file(patient: Patient) -> None:
    folder = patient.config.state_dir
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix != ".db-shm"}
    patient.examine()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix != ".db-shm"} == before


def test_many_of_one_kind_are_counted_and_not_all_listed(patient: Patient) -> None:
    patient.write("delete from run where state = 'missed'")
    found = [one for area in patient.examine() for one in area.findings if one.code == "invariant.I1"]
    assert len(found) == MAX_LISTED + 1
    assert "more like that" in found[-1].found


# Invariants


@brings("invariant.I1", "was due and has no record")
def a_run_is_deleted(patient: Patient) -> None:
    patient.write(f"delete from run where id = {A_MISSED}")


@brings("invariant.I1", "a gap record says")
def a_gap_record_counts_wrongly(patient: Patient) -> None:
    patient.write("update gap set count = count + 1 where id = (select min(id) from gap)")


@brings("invariant.I1", "it may have been right")
def a_run_is_deleted_that_older_zone_rules_may_not_have_named(patient: Patient) -> None:
    patient.write(f"delete from run where id = {A_MISSED}", "update generation set tzdata_version = '2019a'")


@brings("invariant.I2", "but no schedule has this time")
def a_run_is_of_an_instant_that_nothing_named(patient: Patient) -> None:
    patient.write(f"update run set scheduled_for = scheduled_for + 1000000 where id = {A_MISSED}")


@brings("invariant.I3", "has 2 records")
def a_gap_record_lies_over_a_run(patient: Patient) -> None:
    patient.write(
        "insert into gap (schedule_id, job, first_at, last_at, count, state, reason, generation, epoch, "
        "recorded_at) select s.id, s.job, r.scheduled_for, r.scheduled_for, 1, 'missed', '', 1, 1, 1 "
        "from run r join schedule s on s.job = r.job and s.clock_epoch = r.clock_epoch "
        "and r.scheduled_for > s.active_from "
        f"and r.scheduled_for <= s.covered_until where r.id = {A_MISSED}"
    )


@brings("invariant.I3", "which is after the coverage of its schedule")
def a_run_is_recorded_before_its_time(patient: Patient) -> None:
    patient.write(f"update run set scheduled_for = scheduled_for + 864000000000 where id = {A_MISSED}")


@brings("invariant.I4", "it is failed and has no end")
def a_failed_run_has_no_end(patient: Patient) -> None:
    patient.write(f"update run set ended_at = null where id = {A_FAILED}")


@brings("invariant.I4", "it is failed and resolved as succeeded")
def a_failed_run_is_resolved(patient: Patient) -> None:
    patient.write(f"update run set resolved = 'succeeded' where id = {A_FAILED}")


@brings("invariant.I4", "it is happy, which is not a state")
def a_run_is_in_a_state_that_is_none(patient: Patient) -> None:
    patient.write(f"update run set state = 'happy' where id = {A_MISSED}")


@brings("invariant.I4", "attempt 1 is failed and has no end")
def an_attempt_that_failed_has_no_end(patient: Patient) -> None:
    patient.write(f"update attempt set ended_at = null where {OF_A_RUN.format(A_FAILED)} and number = 1")


@brings("invariant.I5", "attempts, and there are")
def an_attempt_is_missing(patient: Patient) -> None:
    patient.write(f"update run set attempt = attempt + 1 where id = {A_FAILED}")


@brings("invariant.I5", "2 of its attempts are alive")
def two_attempts_are_alive(patient: Patient) -> None:
    patient.write(
        "insert into attempt (run_seq, number, state, boot_id, created_at) "
        "select run_seq, number + 1, 'starting', boot_id, created_at "
        "from attempt where state = 'running' limit 1",
        "update run set attempt = attempt + 1 where state = 'running'",
    )


@brings("invariant.I6", "attempt 1 ended as succeeded, and 2 were made")
def a_lost_attempt_had_ended_after_all(patient: Patient) -> None:
    run = patient.run_in(RunState.FAILED).id
    first = OF_A_RUN.format(f"'{run}'") + " and number = 1"
    patient.write(
        f"update attempt set state = 'lost', resolved = 'succeeded' where {first}",
        "insert into attempt (run_seq, number, state, boot_id, created_at, started_at, ended_at, exit_code) "
        "select run_seq, 2, 'failed', boot_id, created_at, started_at, ended_at, 1 "
        f"from attempt where {first}",
        f"update run set attempt = 2 where id = '{run}'",
    )


@brings("invariant.I7", "attempt 1 is succeeded with exit code 3")
def a_success_had_another_exit_code(patient: Patient) -> None:
    patient.write(
        "update attempt set exit_code = 3 where "
        + OF_A_RUN.format(f"'{patient.run_in(RunState.SUCCEEDED).id}'")
    )


@brings("invariant.I7", "step a was not run again, but had not succeeded before")
def a_step_was_kept_that_never_succeeded(patient: Patient) -> None:
    run = patient.run_in(RunState.SUCCEEDED).id
    patient.write(
        "insert into step (run_seq, step, state, reason) "
        f"select seq, 'a', 'succeeded', 'kept' from run where id = '{run}'"
    )


@brings("invariant.I7", "its recorded end is not a success")
def a_success_is_recorded_as_a_failure(patient: Patient) -> None:
    run = patient.run_in(RunState.SUCCEEDED)
    write_result(patient.config.attempt_dir(run.last_attempt), exit_code=1)


@brings("invariant.I7", "its recorded end is missing or torn")
def a_recorded_success_is_torn(patient: Patient) -> None:
    run = patient.run_in(RunState.SUCCEEDED)
    result = Path(beside(str(patient.config.attempt_dir(run.last_attempt)), NAME))
    result.write_bytes(result.read_bytes()[:-3])


@brings("invariant.I8", "it waits for another try at no time")
def a_run_waits_for_nothing(patient: Patient) -> None:
    patient.write(f"update run set state = 'retry_wait', ended_at = null where id = {A_FAILED}")


@brings("invariant.I8", "without a live attempt")
def a_run_is_running_and_nothing_runs(patient: Patient) -> None:
    patient.write(f"update run set state = 'running', ended_at = null where id = {A_FAILED}")


@brings("invariant.I8", "has not accounted for it")
def the_scheduler_stands_still(patient: Patient) -> None:
    patient.world.clock.advance(seconds=3_600)
    patient.world.heartbeat.tick()


@brings("invariant.I8", "is still queued")
def the_worker_stands_still(patient: Patient) -> None:
    patient.write(
        "update run set state = 'queued', reason = '', ended_at = null, attempt = 0, trigger = 'schedule', "
        f"concurrency_key = 'x', start_by = null where id = {A_MISSED}"
    )


@brings("invariant.I9", "before it began")
def coverage_lies_before_its_beginning(patient: Patient) -> None:
    patient.write("update schedule set covered_until = active_from - 1 where active_until is null")


@brings("invariant.I9", "not accounted for up to its end")
def a_schedule_ended_without_account(patient: Patient) -> None:
    patient.write("update schedule set active_until = active_until + 1 where active_until is not null")


@brings("invariant.I9", "began before schedule")
def two_schedules_of_a_job_are_in_force_at_once(patient: Patient) -> None:
    patient.write(
        "insert into schedule (job, schedule_key, rule, generation, active_from, active_until, "
        "covered_until, clock_epoch) select job, schedule_key, rule, generation, active_from, "
        "covered_until, covered_until, clock_epoch from schedule where active_until is null"
    )


@brings("invariant.I9", "but the ledger is in 0")
def the_clock_epoch_went_back(patient: Patient) -> None:
    patient.write("update meta set value = '0' where key = 'clock_epoch'")


@brings("invariant.I9", "but the ledger is in 2")
def the_clock_epoch_went_ahead_of_what_is_in_force(patient: Patient) -> None:
    patient.write("update meta set value = '2' where key = 'clock_epoch'")


@brings("invariant.I9", "engine 3 was last seen before engine 2 of the same boot")
def a_later_engine_was_seen_earlier(patient: Patient) -> None:
    patient.write("update session set boot_seconds = 1 where epoch = 3")


@brings("invariant.I9", "the ledger is an older copy: engine 99 has run here")
def the_ledger_is_behind_its_note(patient: Patient) -> None:
    (patient.config.state_dir / "high_water").write_text('{"epoch": 99, "covered_until": null}')


@brings("invariant.I10", "timed_out whose last attempt is failed")
def a_run_stands_otherwise_than_its_last_attempt(patient: Patient) -> None:
    patient.write("update run set state = 'timed_out' where state = 'failed'")


@brings("invariant.I11", "3 runs are active under `x`; at most 2 may be")
def more_runs_are_active_than_may_be(patient: Patient) -> None:
    patient.write(
        "update run set state = 'running', concurrency_key = 'x', concurrency_limit = 2 "
        "where id in (select id from run where state = 'missed' limit 3)"
    )


@brings("invariant.I12", "does not know what happened to it")
def nothing_is_known_of_a_schedule(patient: Patient) -> None:
    patient.write("delete from gap", "delete from attempt", "delete from run")


@brings("ledger.row", "its `trigger` is 'whim', not a word that is known here")
def a_run_is_made_for_no_known_reason(patient: Patient) -> None:
    patient.write("update run set trigger = 'whim' where state = 'missed'")


@brings("ledger.audit", "the audit is broken: record 1 was edited")
def a_record_of_the_audit_is_edited(patient: Patient) -> None:
    patient.write("update audit set actor = 'eve' where seq = 1")


@brings("invariant.I2", "names `nightly`, but belongs to `hourly`")
def a_gap_record_is_told_of_another_job(patient: Patient) -> None:
    patient.write("update gap set job = 'nightly' where job = 'hourly'")


# The ledger's file


def elsewhere(patient: Patient) -> Path:
    """A whole copy of the ledger in a state folder of its own."""
    patient.config = replace(patient.config, state_dir=patient.config.state_dir.with_name("elsewhere"))
    make_state_dir(patient.config.state_dir)
    make_private_file(patient.config.ledger)
    source, copy = sqlite3.connect(patient.world.config.ledger), sqlite3.connect(patient.config.ledger)
    source.backup(copy)
    copy.execute("pragma journal_mode = wal")
    source.close()
    copy.close()
    return patient.config.ledger


@brings("ledger.none", "nothing is recorded yet")
def there_is_no_ledger(patient: Patient) -> None:
    elsewhere(patient).unlink()


@brings("ledger.unreadable", "is damaged (file is not a database)")
def the_ledger_is_no_database(patient: Patient) -> None:
    elsewhere(patient).write_bytes(b"this is no database at all " * 500)


@brings("ledger.foreign", "trigger `run_final_is_final` is missing")
def a_trigger_of_the_ledger_is_dropped(patient: Patient) -> None:
    patient.write("update meta set value = value")


@brings("ledger.row", "its `rule` is 'nonsense', not a schedule")
def a_row_is_nonsense(patient: Patient) -> None:
    patient.write("update schedule set rule = 'nonsense'")


@brings("ledger.integrity", "missing from index gap_of_job")
def bytes_of_the_ledger_are_overwritten(patient: Patient) -> None:
    path = elsewhere(patient)
    db = sqlite3.connect(path)
    (page,) = db.execute("select rootpage from sqlite_master where name = 'gap_of_job'").fetchone()
    (size,) = db.execute("pragma page_size").fetchone()
    db.close()
    content = bytearray(path.read_bytes())
    place = content.index(b"hourly", (page - 1) * size)
    assert place < page * size
    content[place : place + 6] = b"hourlx"
    path.write_bytes(content)


@brings("ledger.references", "a row of `attempt` names a missing `run`")
def attempts_are_of_no_run(patient: Patient) -> None:
    patient.write(f"delete from run where id = {A_FAILED}")


@brings("ledger.older", "its tables are of version 1")
def the_ledger_is_of_an_older_program(patient: Patient) -> None:
    patient.write("pragma user_version = 1")


@brings("ledger.newer", "its tables are of version 999")
def the_ledger_is_of_a_newer_program(patient: Patient) -> None:
    patient.write("pragma user_version = 999")


@brings("ledger.journal", "its journal is `delete`")
def the_ledger_has_another_journal(patient: Patient) -> None:
    db = sqlite3.connect(elsewhere(patient))
    db.execute("pragma journal_mode = delete")
    db.close()


@brings("ledger.network", "network file system (nfs4)")
def the_ledger_is_on_a_network_file_system(patient: Patient) -> None:
    patient.mounts = patient.config.main_file.with_name("mounts")
    patient.mounts.write_text(f"/dev/a / ext4 rw 0 0\nhost:/x {patient.config.state_dir} nfs4 rw 0 0\n")


@brings("ledger.settings", "`fsync` is off")
def the_server_of_the_ledger_does_not_sync(patient: Patient) -> Iterable[Finding]:
    with a_server() as server:
        patient.config = replace(patient.config, store=server.url())
        open_ledger(patient.config.ledger_url).close()
        return [one for area in patient.examine() for one in area.findings]


@brings("ledger.restored", "older copy that has not been accepted")
def an_older_copy_is_held(patient: Patient) -> None:
    with patient.world.store.transaction():
        patient.world.store.incidents.begin_hold(RESTORED_HOLD, detail="x", now=patient.world.clock.now())


# Rights


@brings("rights.state_folder", "is open to others (mode 0755, expected 0700)")
def the_state_folder_is_open(patient: Patient) -> None:
    patient.config.state_dir.chmod(0o755)


@brings("rights.state_folder", "is not a folder")
def the_state_folder_is_a_file(patient: Patient) -> None:
    patient.config = replace(patient.config, state_dir=patient.config.main_file)


@brings("rights.unreadable", "cannot be accessed (File name too long)")
def the_state_folder_cannot_be_looked_at(patient: Patient) -> None:
    patient.config = replace(patient.config, state_dir=patient.config.main_file.with_name("x" * 300))


@brings("rights.state_file", "ledger.db is open to others (mode 0644, expected 0600)")
def the_ledger_may_be_read(patient: Patient) -> None:
    patient.config.ledger.chmod(0o644)


@brings("rights.state_file", "engine.log is open to others (mode 0620, expected 0600)")
def the_log_may_be_written(patient: Patient) -> None:
    (patient.config.state_dir / "engine.log").touch()
    (patient.config.state_dir / "engine.log").chmod(0o620)


@brings("rights.symlink", "high_water is a symbolic link")
def the_note_is_a_link(patient: Patient) -> None:
    (patient.config.state_dir / "high_water").symlink_to("/dev/null")


@brings("rights.symlink", ".jobfile is a symbolic link")
def the_state_folder_is_a_link(patient: Patient) -> None:
    folder = patient.config.state_dir
    folder.rename(folder.with_name("real"))
    folder.symlink_to("real")


@brings("rights.state_origin", "it has no named pipe wake")
def the_state_folder_came_with_a_clone(patient: Patient) -> None:
    (patient.config.state_dir / "wake").unlink()


@brings("rights.job_file", "jobs.yaml (mode 0666)")
def the_job_file_may_be_changed(patient: Patient) -> None:
    patient.config.main_file.chmod(0o666)


@brings("rights.job_file", "users other than its owner may change")
def the_folder_of_the_job_file_may_be_changed(patient: Patient) -> None:
    patient.config.main_file.parent.chmod(0o777)


def with_secret(patient: Patient, source: str) -> None:
    patient.world.edit(f"{RENAMED}    secrets: {{TOKEN: '{source}'}}\n")


@brings("rights.secret_file", "users other than its owner may change")
def a_secret_may_be_changed(patient: Patient) -> None:
    token = patient.config.main_file.with_name("token")
    token.write_text("s3cret-value\n")
    token.chmod(0o666)
    with_secret(patient, f"file:{token}")
    assert "s3cret-value" not in str(patient.examine())


@brings("rights.secret_file", "secret `TOKEN` is not there")
def a_secret_is_not_there(patient: Patient) -> None:
    with_secret(patient, "file:/nowhere/token")


@brings("rights.secret_env", "secret `TOKEN` needs NOT_SET")
def a_variable_is_not_there(patient: Patient) -> None:
    with_secret(patient, "env:NOT_SET")


@brings("rights.secret_env", "secret `HOOK` needs NOT_SET")
def a_variable_of_a_webhook_is_not_there(patient: Patient) -> None:
    hook = "    secrets: {HOOK: 'env:NOT_SET'}\n    triggers: [{webhook: {path: go, secret: HOOK}}]\n"
    patient.world.edit(f"{RENAMED}{hook}")
    assert "where `jobfile serve` is started" in patient.findings()["rights.secret_env"].help


# Clock and disk


@brings("clock.unsynchronized", "not synchronized")
def the_clock_is_not_synchronized(patient: Patient) -> None:
    patient.machine = SOUND._replace(is_synchronized=False)


@brings("clock.held", "does not believe the clock")
def the_clock_is_not_believed(patient: Patient) -> None:
    with patient.world.store.transaction():
        patient.world.store.incidents.begin_hold(CLOCK_HOLD, detail="x", now=patient.world.clock.now())


@brings("clock.behind", "behind the ledger")
def the_clock_is_set_back(patient: Patient) -> None:
    patient.world.clock.jump(seconds=-7_200)


@brings("disk.low", "free; below")
def the_disk_is_nearly_full(patient: Patient) -> None:
    patient.config = replace(patient.config, min_free_bytes=2**60)


@brings("disk.inodes", "only 12 more files can be created on the disk (of 5,000)")
def the_disk_takes_few_files(patient: Patient) -> Iterable[Finding]:
    subject = Subject(
        config=patient.config, now=patient.world.clock.now(), machine=patient.machine, is_running=True
    )
    folder = patient.config.state_dir
    assert list(check_room(subject, folder, Room(2**40, 0, 0))) == []
    return list(check_room(subject, folder, Room(2**40, 12, 5_000)))


@brings("disk.held", "starts nothing since")
def the_disk_holds_the_engine(patient: Patient) -> None:
    with patient.world.store.transaction():
        patient.world.store.incidents.begin_hold(DISK_HOLD, detail="full", now=patient.world.clock.now())


# Leftovers


@brings("leftovers.folder", "belongs to no run in the ledger")
def a_folder_is_left(patient: Patient) -> None:
    patient.config.run_dir("ff" * 16).mkdir(parents=True)


@brings("leftovers.folder", "belongs to no run in the ledger")
def evidence_is_left(patient: Patient) -> None:
    write_result(patient.config.attempt_dir(AttemptKey("ff" * 16, 2)), exit_code=0)


@brings("leftovers.new_file", "was left unfinished")
def a_note_is_half_made(patient: Patient) -> None:
    new = patient.config.state_dir / "high_water.new"
    new.touch()
    old = patient.world.clock.now().timestamp() - 120
    os.utime(new, (old, old))


@brings("leftovers.new_file", ".output.gz.new was left unfinished")
def an_output_is_half_compressed(patient: Patient) -> None:
    run = patient.run_in(RunState.SUCCEEDED)
    new = patient.config.attempt_dir(AttemptKey(run.id, 1)) / ".output.gz.new"
    new.parent.mkdir()
    new.touch()
    old = patient.world.clock.now().timestamp() - 120
    os.utime(new, (old, old))


def folder_of_what_runs(patient: Patient) -> Path:
    patient.no_engine_runs()
    run = patient.run_in(RunState.RUNNING)
    folder = patient.config.attempt_dir(run.last_attempt)
    folder.mkdir(parents=True)
    return folder


@brings("leftovers.attempt", "it was never executed, and will be started")
def an_attempt_waits_for_an_engine(patient: Patient) -> None:
    folder_of_what_runs(patient)
    patient.write("update attempt set state = 'starting' where state = 'running'")


@brings("leftovers.attempt", "it ended with exit code 7, which will be recorded")
def an_attempt_ended_while_nobody_was_there(patient: Patient) -> None:
    write_result(folder_of_what_runs(patient), exit_code=7)


@brings("leftovers.attempt", "it will be recorded as lost")
def an_attempt_was_lost_while_nobody_was_there(patient: Patient) -> None:
    folder = folder_of_what_runs(patient)
    about = {"at": 1, "pid": 1, "began": "1", "boot_id": "an earlier boot"}
    key = key_of(str(folder), make_key(patient.config.state_dir))
    Path(beside(str(folder), NAME)).write_bytes(pack(about, key))


@brings("leftovers.attempt", "its evidence is gone")
def the_folder_of_an_attempt_is_gone(patient: Patient) -> None:
    patient.no_engine_runs()


# Machine


@brings("machine.libyaml", "without libyaml")
def libyaml_is_missing(patient: Patient) -> None:
    patient.machine = SOUND._replace(has_libyaml=False)


@brings("machine.spawn", "without its compiled part")
def spawn_is_not_built(patient: Patient) -> None:
    patient.machine = SOUND._replace(has_spawn=False)


@brings("machine.files", "open-file limit is 40; 16 concurrent attempts need 80")
def few_files_may_be_open(patient: Patient) -> None:
    patient.machine = SOUND._replace(open_files=40)


@brings("machine.processes", "process limit is 20; 16 concurrent attempts need 32")
def few_processes_may_run(patient: Patient) -> None:
    patient.machine = SOUND._replace(processes=20)


@brings("machine.container", "this is a container (Podman)")
def it_is_a_container(patient: Patient) -> None:
    patient.machine = SOUND._replace(container="Podman")


@brings("machine.version", "the engine is jobfile 0.0.1")
def the_engine_is_another_version(patient: Patient) -> None:
    patient.write("update session set version = '0.0.1'")


@brings("machine.tzdata", "were applied with tzdata 2019a")
def the_zone_rules_are_others(patient: Patient) -> None:
    patient.write("update generation set tzdata_version = '2019a'")


# Notifications and engine


@brings("notifications.owed", "2 notifications are waiting")
def nobody_sends_what_is_owed(patient: Patient) -> None:
    long_ago = patient.world.clock.now() - 30 * MINUTE
    with patient.world.store.transaction():
        for name in ("1", "2"):
            patient.world.store.outbox.add(Owed(name, long_ago, "failure", "mail", "hourly", "", "{}"))
        patient.world.store.outbox.failed("1", error="no route", next_try_at=long_ago + HOUR)


@brings("notifications.given_up", "1 notification was given up after a day of tries")
def a_notification_was_given_up(patient: Patient) -> None:
    store, now = patient.world.store, patient.world.clock.now()
    with store.transaction():
        store.outbox.add(Owed("1", now - 30 * MINUTE, "failed", "mail", "hourly", "", "{}"))
        store.outbox.give_up("1", error="no route to host", now=now)


@brings("engine.stopped", "no engine has been running since")
def the_engine_was_stopped(patient: Patient) -> None:
    patient.no_engine_runs()
    world = patient.world
    with world.store.transaction():
        world.store.close_session(
            epoch=world.epoch, now=world.clock.now(), boot_seconds=None, reason="stopped"
        )


@brings("engine.killed", "the last engine was killed")
def the_engine_was_killed(patient: Patient) -> None:
    patient.no_engine_runs()


@brings("engine.silent", "its last heartbeat was 1m ago")
def the_engine_stands_still(patient: Patient) -> None:
    patient.world.clock.advance(seconds=60)


A_HOST = a_host()
HELD = Held(a_delivery(), "one")


def fleet(**about: object) -> Fleet:
    """One host, which the engine leads, with a change."""
    host = A_HOST._replace(version=__version__, **about)
    leads = Leader("1", "a", "a", 1, NOON, is_over=False)
    return Fleet(leads, (HostState(host, (HELD,)),), (), NOON)


@brings("hosts.leaderless", "no engine leads, so nothing starts: the lead of a, term 1 ended 1h ago")
def hosts_leaderless(_patient: Patient) -> Iterable[Finding]:
    over = Leader("1", "a", "a", 1, NOON, is_over=True)
    return check_fleet(fleet()._replace(leader=over, now=NOON + HOUR))


@brings("hosts.silent", "the host a has had no heartbeat for 1m, and holds 1 attempt (run 00000000)")
def hosts_silent(_patient: Patient) -> Iterable[Finding]:
    return check_fleet(fleet(silence=MINUTE))


@brings("hosts.skew", "the clock of the host a differs from the ledger's by -1.5 s")
def hosts_skew(_patient: Patient) -> Iterable[Finding]:
    return check_fleet(fleet(skew=timedelta(seconds=-1.5)))


@brings(
    "hosts.clock",
    "the clock of the host a differs from the ledger's by +90.0 s, so it does not lead, and takes nothing",
)
def hosts_clock(_patient: Patient) -> Iterable[Finding]:
    return check_fleet(fleet(skew=timedelta(seconds=90)))


@brings("hosts.version", "the host a: ")
def hosts_version(_patient: Patient) -> Iterable[Finding]:
    return check_fleet(fleet()._replace(hosts=(HostState(A_HOST._replace(version="0.0.1"), ()),)))


def with_scheduler(carrier: str, *, leads: bool) -> Scheduler:
    return Scheduler(
        id="s",
        name="s",
        process="1",
        version=__version__,
        carrier=carrier,
        leads=leads,
        seen_at=NOON,
        ended_at=None,
        silence=timedelta(),
    )


@brings(
    "hosts.carrier", "the host a takes nothing: its JOBFILE_CARRIER is pgqueuer, that of the leader is other"
)
def hosts_carrier(_patient: Patient) -> Iterable[Finding]:
    found = fleet(carrier="pgqueuer")
    assert list(check_fleet(found._replace(schedulers=(with_scheduler("pgqueuer", leads=True),)))) == []
    assert list(check_fleet(found._replace(schedulers=(with_scheduler("other", leads=False),)))) == []
    return check_fleet(found._replace(schedulers=(with_scheduler("other", leads=True),)))


def test_a_scheduler_that_would_lead_with_another_carrier_is_found() -> None:
    leading = with_scheduler("pgqueuer", leads=True)
    waiting = with_scheduler("other", leads=False)._replace(id="t", name="t")
    [found] = check_fleet(fleet(carrier="pgqueuer")._replace(schedulers=(leading, waiting)))
    assert found.code == "hosts.carrier"
    assert found.found.startswith("the scheduler on t waits to lead with JOBFILE_CARRIER=other")


@brings("hosts.files", "the host a cannot execute some runs: the files of 1a2b are not here")
def hosts_files(_patient: Patient) -> Iterable[Finding]:
    return check_fleet(fleet(lack="the files of 1a2b are not here"))


@brings("hosts.unknown", "is held by the host ghost, which is not in the ledger")
def hosts_unknown(_patient: Patient) -> Iterable[Finding]:
    return check_holders(fleet(), [a_delivery()._replace(host="ghost")])


@brings("hosts.leftover", "2 ended attempts in the table `delivery`, whose runs are deleted")
def hosts_leftover(_patient: Patient) -> Iterable[Finding]:
    return check_ended(2)


def test_a_host_that_is_well_or_has_left_is_no_finding() -> None:
    left = {"ended_at": NOON, "silence": HOUR, "skew": HOUR}
    for about in ({}, left, {"skew": timedelta(seconds=1)}):
        assert list(check_fleet(fleet(**about))) == []
    silent = fleet(silence=HOUR)
    assert list(check_fleet(silent._replace(hosts=(silent.hosts[0]._replace(held=()),)))) == []


@brings("engine.rejected", "the job files have been refused since")
def the_files_are_refused(patient: Patient) -> None:
    patient.world.edit("version: 1\njobs: {one: {schedule: nonsense, command: ['true']}}\n")


@brings("engine.folder", "files start nothing for one, two: /in does not exist (since 2026-")
def a_watched_folder_is_missing(patient: Patient) -> None:
    folders = (
        Watched("/in", ("one", "two"), "/in does not exist", patient.world.clock.now()),
        Watched("/b", ()),
    )
    with patient.world.store.transaction():
        patient.world.store.past.note(WATCHED, watched_to_text(folders))


@brings("leftovers.process", "which is succeeded")
def a_process_outlived_its_run(patient: Patient) -> Iterable[Finding]:
    env = {"JOBFILE_RUN_ID": patient.run_in(RunState.SUCCEEDED).id}
    return with_process(patient, env)


@brings("leftovers.process", "which is not in the ledger")
def a_process_is_of_a_run_that_is_not_known(patient: Patient) -> Iterable[Finding]:
    folder = patient.config.run_dir("ff" * 16)
    return with_process(patient, {"JOBFILE_RUN_ID": "ff" * 16, "JOBFILE_RUN_DIR": str(folder)})


def with_process(patient: Patient, env: dict[str, str]) -> list[Finding]:
    """What is found while a real process has this environment, and that nothing is found without it."""
    sleep = shutil.which("sleep")
    assert sleep is not None
    process = subprocess.Popen([sleep, "60"], env=env)
    try:
        found = [
            one for area in patient.examine() for one in area.findings if one.code == "leftovers.process"
        ]
        assert [f"process {process.pid} " in one.found for one in found] == [True]
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    assert "leftovers.process" not in patient.findings()
    return found


def test_processes_of_runs_that_go_on_and_of_others_are_left_alone(patient: Patient) -> None:
    running = patient.run_in(RunState.RUNNING).id
    sleep = shutil.which("sleep")
    assert sleep is not None
    envs = [{"JOBFILE_RUN_ID": one} for one in (running, "ee" * 16, "nonsense")]
    processes = [subprocess.Popen([sleep, "60"], env=env) for env in envs]
    try:
        assert "leftovers.process" not in patient.findings()
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_fresh_or_held_engine_is_not_called_overdue(patient: Patient) -> None:
    world = patient.world
    world.crash()
    world.boot()
    world.clock.advance(seconds=200)
    world.heartbeat.tick()
    assert "invariant.I8" not in patient.findings()
    world.clock.advance(seconds=3_600)
    world.heartbeat.tick()
    assert "invariant.I8" in patient.findings()
    with world.store.transaction():
        world.store.incidents.begin_hold(CLOCK_HOLD, detail="x", now=world.clock.now())
    assert "invariant.I8" not in patient.findings()


def test_a_finding_of_severity_info_leaves_all_well(patient: Patient) -> None:
    it_is_a_container(patient)
    a_folder_is_left(patient)
    found = [one for area in patient.examine() for one in area.findings]
    assert {one.severity for one in found} == {Severity.INFO}
    assert all(area.is_well for area in patient.examine())


def test_a_ledger_of_another_user_is_found(patient: Patient) -> None:
    os.chown(patient.config.ledger, 12345, 12345)
    assert "ledger.db belongs to user 12345" in patient.findings()["rights.state_file"].found
