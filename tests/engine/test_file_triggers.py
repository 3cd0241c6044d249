"""Files that arrive start jobs: a real ledger and real folders, with a clock that the test sets."""

import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.arrivals import Hint
from engine.core.events import (
    FilesWait,
    FolderPolled,
    FolderReadable,
    FolderUnreadable,
    NotRunTold,
)
from engine.core.lifecycle import TriggerKind
from engine.host.mounts import Mount
from engine.loops.arrivals import EVENTS_A_LOOK, POLL_SECONDS, SCAN_SECONDS, TROUBLE_SECONDS
from engine.sources import file_scan
from tests.engine.file_world import FileWorld
from tests.soak import examples


def text(trigger: str = "path: in", *keys: str) -> str:
    lines = "".join(f"    {key}\n" for key in ("concurrency: {limit: none}", *keys))
    return f"version: 1\njobs:\n  hello:\n    triggers: [{{file: {{{trigger}}}}}]\n    run: 'true'\n{lines}"


def limited(*keys: str, **concurrency: object) -> str:
    given_ = json.dumps(concurrency)
    return text("path: in", *keys).replace("concurrency: {limit: none}", f"concurrency: {given_}")


def world_of(folder: Path, content: str = text()) -> FileWorld:
    (folder / "in").mkdir(exist_ok=True)
    return FileWorld(folder, content)


def put(folder: Path, name: str, content: str = "x") -> Path:
    path = folder / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def told(world: FileWorld, kind: type) -> list:
    return [one for one in world.journal.events if isinstance(one, kind)]


def test_a_file_starts_a_run_that_knows_it(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.look()
    path = put(tmp_path, "a.csv", "hello")
    world.look(seconds=1.6)
    assert world.runs() == []
    world.pass_time(seconds=0.5)
    (run,) = world.runs()
    assert run.trigger is TriggerKind.FILE
    assert run.trigger_values == {"path": str(path), "name": "a.csv", "dir": str(path.parent), "size": 5}
    world.look()
    assert len(world.runs()) == 1
    world.check()


def test_files_that_are_there_at_the_start_count_once_for_all_engines(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    world = world_of(tmp_path)
    world.look()
    world.crash()
    put(tmp_path, "b.csv")
    world.boot()
    world.look()
    world.crash()
    world.boot()
    world.look()
    assert world.handled() == ["a.csv", "b.csv"]


def test_a_file_that_changes_is_a_new_event_also_by_its_time_alone(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    path = put(tmp_path, "a.csv")
    world.look()
    os.utime(path, (1, 1))
    world.look()
    path.write_text("longer")
    os.utime(path, (1, 1))
    world.look()
    new = tmp_path / "new"
    new.write_text("longer")
    os.utime(new, (1, 1))
    new.rename(path)  # another inode, with the same size and time
    world.look()
    assert world.handled() == ["a.csv"] * 4


def test_only_regular_files_count_and_no_link_leads_anywhere(tmp_path: Path) -> None:
    world = world_of(tmp_path, text("path: in, recursive: true"))
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text("x")
    folder = tmp_path / "in"
    (folder / "link.csv").symlink_to(outside / "secret.csv")
    (folder / "broken.csv").symlink_to("nowhere")
    (folder / "linked").symlink_to(outside)
    (folder / "circle").symlink_to(folder)
    os.mkfifo(folder / "pipe.csv")
    os.link(outside / "secret.csv", folder / "hard.csv")
    put(tmp_path, "sub/deep/a.csv")
    put(tmp_path, ".hidden.csv")
    world.look()
    assert sorted(world.handled()) == ["a.csv", "hard.csv"]
    assert {run.trigger_values["dir"] for run in world.runs()} == {str(folder), str(folder / "sub/deep")}


def test_the_pattern_and_the_folders_inside_count_as_written(tmp_path: Path) -> None:
    world = world_of(tmp_path, text("path: in, match: '*.{csv,txt}'"))
    for name in ("a.csv", "b.txt", "c.pdf", "sub/d.csv"):
        put(tmp_path, name)
    world.look()
    assert sorted(world.handled()) == ["a.csv", "b.txt"]


NAMES = [
    "-rf",
    "two\nlines",
    "a'b",
    'a"b',
    "a b",
    "$(id)",
    "\\x",
    "caf\udce9",
    "\udcff\udcfe",
    "é",
    "*",
    "x" * 255,
]


def test_every_name_is_handled_as_it_is(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    for name in NAMES:
        put(tmp_path, name)
    world.look()
    assert sorted(world.handled()) == sorted(NAMES)
    world.crash()
    world.boot()
    world.look()
    assert len(world.handled()) == len(NAMES)
    for name in NAMES:
        (tmp_path / "in" / name).unlink()
    world.look()
    assert world.store.trigger_events.identities("hello", TriggerKind.FILE) == {}


def test_a_file_is_passed_over_once_where_its_way_of_arrival_does_not_count(tmp_path: Path) -> None:
    world = world_of(tmp_path, text("path: in, events: [moved]"))
    world.look()
    written, moved = put(tmp_path, "written"), put(tmp_path, "moved")
    world.folders.report(written, Hint.CREATED, Hint.OPENED, Hint.WRITTEN, Hint.CLOSED)
    world.folders.report(moved, Hint.MOVED)
    world.look()
    assert world.handled() == ["moved"]
    world.crash()
    put(tmp_path, "unknown")
    world.boot()
    world.look()
    assert world.handled() == ["moved", "unknown"]
    world.check()


def test_a_file_that_one_trigger_of_a_job_does_not_count_is_left_to_the_other(tmp_path: Path) -> None:
    both = "[{file: {path: in, events: [moved]}}, {file: {path: in, events: [closed], settle: 9s}}]"
    world = world_of(tmp_path, text().replace("[{file: {path: in}}]", both))
    world.look()
    written = put(tmp_path, "written")
    world.folders.report(written, Hint.CREATED, Hint.OPENED, Hint.WRITTEN, Hint.CLOSED)
    world.look()
    assert world.handled() == []
    world.look(seconds=9)
    assert world.handled() == ["written"]


def test_a_file_that_is_written_slowly_starts_one_run_when_it_is_closed(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    path = put(tmp_path, "slow", "a")
    world.folders.report(path, Hint.CREATED, Hint.OPENED, Hint.WRITTEN)
    for _ in range(5):
        world.look(seconds=20)
    assert world.handled() == []
    path.write_text("ab")
    world.folders.report(path, Hint.WRITTEN, Hint.CLOSED)
    world.look()
    (run,) = world.runs()
    assert run.trigger_values["size"] == 2


def test_a_run_whose_file_is_gone_before_it_starts_is_skipped_and_says_so(tmp_path: Path) -> None:
    world = world_of(tmp_path, limited())
    for name in "abc":
        os.utime(put(tmp_path, name), (ord(name), ord(name)))
    world.look()
    (tmp_path / "in/b").unlink()
    world.finish()
    assert [(run.state.value, run.reason) for run in world.runs()] == [
        ("succeeded", ""),
        ("skipped", "file_gone"),
        ("running", ""),
    ]
    world.finish()
    os.utime(put(tmp_path, "b"), (98, 98))
    world.look(seconds=SCAN_SECONDS)
    assert world.handled() == ["a", "b", "c", "b"], "a file that comes back is a new event"
    world.check()


def test_a_retry_runs_without_its_file(tmp_path: Path) -> None:
    world = world_of(tmp_path, text("path: in", "retry: {attempts: 2, delay: 1s, jitter: none}"))
    path = put(tmp_path, "a")
    world.look()
    path.unlink()
    world.finish(exit_code=1)
    world.pass_time(seconds=2)
    world.finish()
    (run,) = world.runs()
    assert (run.state.value, run.attempt) == ("succeeded", 2)


def test_events_of_files_that_are_gone_are_forgotten_and_others_are_not(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    first = put(tmp_path, "a")
    put(tmp_path, "b")
    world.look()
    first.unlink()
    world.look()
    known = world.store.trigger_events.identities("hello", TriggerKind.FILE)
    assert [json.loads(one.split(" ", 3)[3]) for one in known] == [str(tmp_path / "in/b")]


def test_a_folder_that_vanishes_is_reported_once_and_what_was_in_it_is_not_forgotten(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    put(tmp_path, "a")
    world.look()
    (tmp_path / "in").rename(tmp_path / "away")
    for _ in range(5):
        world.look(seconds=TROUBLE_SECONDS)
    folder = str(tmp_path / "in")
    (trouble,) = told(world, FolderUnreadable)
    assert (trouble.folder, trouble.jobs) == (folder, ("hello",))
    assert trouble.detail == f"{folder} does not exist"
    (noted,) = world.view.watched()
    assert (noted.trouble, noted.jobs) == (trouble.detail, ("hello",))
    assert noted.since is not None
    (tmp_path / "away").rename(tmp_path / "in")
    put(tmp_path, "b")
    world.look(seconds=TROUBLE_SECONDS)
    world.look()
    assert world.handled() == ["a", "b"]
    assert len(told(world, FolderReadable)) == 1
    assert world.view.watched()[0].trouble == ""


def test_a_folder_that_is_missing_at_the_start_heals(tmp_path: Path) -> None:
    world = FileWorld(tmp_path, text())
    world.look()
    assert len(told(world, FolderUnreadable)) == 1
    put(tmp_path, "a")
    world.pass_time(seconds=TROUBLE_SECONDS)
    world.look()
    assert world.handled() == ["a"]


def test_a_folder_may_be_no_folder(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("")
    world = FileWorld(tmp_path, text())
    world.look()
    assert told(world, FolderUnreadable)[0].detail.endswith("in is not a folder")


def test_nothing_is_forgotten_while_a_share_is_not_mounted(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    share, root = Mount(str(tmp_path / "in"), "ext4"), Mount("/", "ext4")
    world.folders.mounts = lambda: (root, share)
    os.utime(put(tmp_path, "a"), (1, 1))
    world.look()
    (tmp_path / "in/a").rename(tmp_path / "a")  # what is seen of it when it is unmounted
    world.folders.mounts = lambda: (root,)
    put(tmp_path, "beneath")
    world.look()
    world.crash()
    world.boot()
    world.look()
    (tmp_path / "a").rename(tmp_path / "in/a")
    (tmp_path / "in/beneath").unlink()
    world.folders.mounts = lambda: (root, share)
    world.look()
    assert world.handled() == ["a", "beneath"]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "fuseblk", "9p"])
def test_a_share_is_scanned_often_and_its_files_have_no_numbers(tmp_path: Path, kind: str) -> None:
    world = world_of(tmp_path)
    world.folders.mounts = lambda: (Mount("/", "ext4"), Mount(str(tmp_path), kind))
    world.look()
    put(tmp_path, "a")
    world.pass_time(seconds=POLL_SECONDS)
    world.pass_time(seconds=2.1)
    assert world.handled() == ["a"]
    (polled,) = told(world, FolderPolled)
    assert polled.detail == f"{kind} at {tmp_path}: the kernel reports no changes that other machines make"
    (identity,) = world.store.trigger_events.identities("hello", TriggerKind.FILE)
    assert identity.startswith("0 ")
    copy = tmp_path / "in/copy"
    shutil.copy2(tmp_path / "in/a", copy)
    copy.rename(tmp_path / "in/a")  # what a new mount looks like: the same file with another number
    world.look(seconds=POLL_SECONDS)
    world.look()
    assert world.handled() == ["a"]


def test_without_a_report_a_folder_is_scanned_once_a_minute(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.look()
    world.look()
    before = world.folders.scans
    for _ in range(600):
        world.pass_time(seconds=1)
    assert 9 <= world.folders.scans - before <= 11


def test_many_reports_are_few_scans(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.look()
    before = world.folders.scans
    for _ in range(1000):
        world.folders.report(tmp_path / "in/x")
        world.pass_time(seconds=0.001)
    assert world.folders.scans - before <= 6


def test_a_share_that_does_not_answer_delays_nothing(tmp_path: Path) -> None:
    put(tmp_path, "a")
    world = world_of(tmp_path)
    world.folders.is_silent = True
    for _ in range(15):
        world.look()
    (trouble,) = told(world, FolderUnreadable)
    assert trouble.detail == f"{tmp_path}/in has not been read in 30 seconds"
    world.folders.is_silent = False
    world.look()
    world.look(seconds=SCAN_SECONDS)
    assert world.handled() == ["a"]


def test_a_scan_has_limits_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    deep = "/".join("d" * file_scan.MAX_DEPTH)
    put(tmp_path, f"{deep}/x")
    found = file_scan.scan_folder(str(tmp_path / "in"), is_recursive=True, wants=lambda _: True)
    assert f"more than {file_scan.MAX_DEPTH} folders deep" in found.left_out
    assert not found.is_complete
    for name in range(5):
        put(tmp_path, str(name))
    found = file_scan.scan_folder(str(tmp_path / "in"), is_recursive=False, wants=lambda _: True, most=3)
    assert "more than 3 entries" in found.left_out
    assert len(found.files) == 3


def test_the_state_folder_is_never_entered(tmp_path: Path) -> None:
    put(tmp_path, "state/a")
    put(tmp_path, "b")
    alone = str(tmp_path / "in/state")
    found = file_scan.scan_folder(
        str(tmp_path / "in"), is_recursive=True, wants=lambda _: True, left_alone=alone
    )
    assert [one.name for one in found.files] == ["b"]
    assert found.is_complete


def test_while_too_many_runs_wait_files_wait_in_their_folder_and_none_is_missed(tmp_path: Path) -> None:
    world = world_of(tmp_path, limited(limit=1, max_waiting=2))
    for name in "abcdefg":
        os.utime(put(tmp_path, name), (ord(name), ord(name)))
    world.look()
    assert world.handled() == ["a", "b"]
    (waiting,) = told(world, FilesWait)
    assert (waiting.job, waiting.count) == ("hello", 5)
    for _ in range(7):
        world.finish()
        world.look()
    assert world.handled() == list("abcdefg")
    assert {run.state.value for run in world.runs()} == {"succeeded"}
    world.check()


@pytest.mark.parametrize(
    ("policy", "states"),
    [
        ("skip", ["running", "skipped", "skipped"]),
        ("latest", ["running", "skipped", "queued"]),
        ("cancel_running", ["cancelling", "skipped", "queued"]),
        ("kill_running", ["cancelling", "skipped", "queued"]),
        ("queue", ["running", "queued", "queued"]),
    ],
)
def test_each_overlap_policy_holds_for_files(tmp_path: Path, policy: str, states: list[str]) -> None:
    world = world_of(tmp_path, limited(on_overlap=policy))
    for name in "abc":
        put(tmp_path, name)
        world.look()
    assert [run.state.value for run in world.runs()] == states


def test_a_job_that_is_paused_skips_its_files_and_records_it(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    world.pause("hello")
    put(tmp_path, "a")
    world.look()
    assert [(run.state.value, run.reason) for run in world.runs()] == [("skipped", "paused")]
    assert told(world, NotRunTold)


def test_nothing_is_recorded_while_the_clock_is_not_believed(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    put(tmp_path, "a")
    world.is_held = True
    world.look()
    assert world.handled() == []
    world.is_held = False
    world.look()
    world.look()
    assert world.handled() == ["a"]


def test_a_file_for_which_no_run_can_be_made_stops_no_other(tmp_path: Path) -> None:
    key = 'idempotency_key: "{{ 10 // (trigger.size - 1) }}-{{ trigger.name }}"'
    world = world_of(tmp_path, text("path: in", key))
    put(tmp_path, "bad", "x")
    put(tmp_path, "good", "xx")
    for _ in range(3):
        world.look()
    assert world.handled() == ["bad", "good"]
    bad, good = world.runs()
    assert (bad.state.value, bad.reason) == ("skipped", "template_error")
    assert "division by zero" in bad.detail
    assert good.idempotency_key == "10-good"


def test_a_full_folder_is_recorded_in_parts(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    for index in range(EVENTS_A_LOOK + 30):
        put(tmp_path, f"{index}")
    world.look(seconds=2.1)
    assert len(world.handled()) == EVENTS_A_LOOK
    world.look()
    assert len(world.handled()) == EVENTS_A_LOOK + 30


def test_two_jobs_and_two_triggers_of_one_folder_each_see_it(tmp_path: Path) -> None:
    both = text().replace(
        "[{file: {path: in}}]", "[{file: {path: in}}, {file: {path: ./in, match: '*.csv'}}]"
    )
    both += "  other:\n    triggers: [{file: {path: in, match: 'b*'}}]\n    run: x\n"
    world = world_of(tmp_path, both)
    put(tmp_path, "a.csv")
    put(tmp_path, "b.csv")
    world.look()
    assert sorted(world.handled()) == ["a.csv", "b.csv"]
    assert world.handled("other") == ["b.csv"]
    assert len(world.folders.watched) == 1


def test_a_job_that_is_renamed_changed_or_enabled_again_remembers_its_files(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    put(tmp_path, "a")
    world.look()
    world.edit(text("path: in", "enabled: false"))
    put(tmp_path, "b")
    world.look()
    world.edit(text("path: in, match: '[a-z]'", "renamed_from: hello").replace("  hello:", "  new:"))
    world.look()
    world.look()
    assert world.handled("new") == ["a", "b"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["write", "remove", "move", "touch"]), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["look", "crash", "finish", "vanish", "edit", "wait"]), st.just("")),
    ),
    max_size=25,
)


@settings(
    max_examples=examples(12), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(steps=STEPS)
def test_whatever_happens_each_content_of_a_file_is_handled_once(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("world")
    world = world_of(folder, limited(limit=1, max_waiting=2))
    inside, away = folder / "in", folder / "away"
    for version, (what, name) in enumerate([*steps, ("back", ""), *[("look", ""), ("finish", "")] * 20], 2):
        if what in ("write", "move", "touch") and inside.exists():
            target = folder / "tmp" if what == "move" else inside / name
            if what != "touch" or target.exists():
                target.write_text("x" * (version if what != "touch" else 1))
                os.utime(target, (version, version))  # each content has a time of its own
            if what == "move":
                target.rename(inside / name)
        elif what == "remove":
            (inside / name).unlink(missing_ok=True)
        elif what == "vanish" and inside.exists():
            inside.rename(away)
        elif what in ("vanish", "back") and away.exists():
            away.rename(inside)
        elif what == "crash":
            world.crash()
            world.boot()
        elif what == "finish":
            world.finish()
        elif what == "edit":
            world.edit(limited(f"title: '{version}'", limit=1, max_waiting=2))
        elif what == "wait":
            world.pass_time(seconds=61)
        else:
            world.look(seconds=6)
    gone_again = {run.id for run in world.runs() if run.reason == "file_gone"}
    executed = [
        (run.trigger_values["name"], run.trigger_values["size"], run.scheduled_for)
        for run in world.runs()
        if run.id not in gone_again
    ]
    assert len(executed) == len(set(executed))
    present = {(one.name, one.stat().st_size) for one in inside.iterdir()}
    assert present <= {(name, size) for name, size, _ in executed}
    assert all(run.state.is_final for run in world.runs())
    world.check()
    world.crash()
