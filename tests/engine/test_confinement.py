"""A job's user, priorities and limits, with real processes. Needs root."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.confinement import Account, Confinement
from engine.core.lifecycle import AttemptKey, Ended, StartError
from engine.execution.run_folders import copy_run
from engine.host.accounts import find_account, folder_closed_to
from engine.supervisor import groups
from engine.supervisor.masking import Masker
from engine.supervisor.outputs import keep
from tests.acceptance.engines import until
from tests.engine.real import KEY, Real, real_world

NOBODY = pwd.getpwnam("nobody")
OTHER = Account(name="nobody", uid=NOBODY.pw_uid, gid=NOBODY.pw_gid, groups=(NOBODY.pw_gid, 1), home="/")
LATER = 2**32
ROOT = Path(__file__).parents[2]
PRIVATE = ("$R.1.evidence", "$S/engine.key", "$S/runs/other")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Real]:
    """Real processes in a folder that every user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="jobfile-test-"))
    folder.chmod(0o755)
    yield from real_world(folder, monkeypatch, way="vfork")
    shutil.rmtree(folder)


def begin(world: Real, body: str, **about: object) -> tuple[Ended | StartError, str]:
    """Run a script under a confinement in a state folder as an engine makes it; its end and its output."""
    order = launch(world, body, **about)
    end = world.end_of(order)
    assert isinstance(end, (Ended, StartError))
    return end, world.output(order).decode()


def launch(
    world: Real,
    body: str,
    *,
    grace: float = 0.5,
    timeout: float = 60.0,
    artifacts: tuple[str, ...] = (),
    working_dir: Path = Path("/"),
    **about: object,
):
    state = world.folder / "state"
    run = state / "runs" / "ab" / "abcd"
    for folder in (state, state / "runs", state / "runs/other", run.parent):
        folder.mkdir(mode=0o700)
    (state / "engine.key").write_text("secret")
    (state / "engine.key").chmod(0o600)
    order = world.order(
        "abcd",
        "",
        attempt=AttemptKey("abcd", 1),
        run_dir=Path(f"{run}.1"),
        argv=("sh", "-eu"),
        script=body,
        open_script=f"{run}/.script.1",
        scratch_dir=f"{run}/tmp",
        output_file=f"{run}/.outputs.1",
        env={"PATH": "/usr/bin:/bin", "R": str(run), "S": str(state), "TMPDIR": f"{run}/tmp"},
        kill_grace_seconds=grace,
        timeout_seconds=timeout,
        artifacts=artifacts,
        working_dir=working_dir,
        confinement=Confinement(**{"limits": {}} | about),  # type: ignore[arg-type]
    )
    world.launcher.launch(order)
    return order


def test_a_job_of_another_user_is_that_user_with_its_groups_and_no_capability(world: Real) -> None:
    end, said = begin(
        world, "id -u; id -g; id -G; grep CapEff /proc/self/status; echo x >/dev/stdout", user=OTHER
    )
    assert isinstance(end, Ended)
    assert end.exit_code == 0, said
    ids = [str(OTHER.uid), str(OTHER.gid), f"{OTHER.gid} 1"]
    assert said.splitlines() == [*ids, "CapEff:\t0000000000000000", "x"]


def test_it_may_use_the_folders_of_its_run_and_write_outputs(world: Real) -> None:
    body = (
        'touch "$TMPDIR/a" "$R/b"; stat -c %U "$R" "$TMPDIR"; echo \'{"a": 1}\' > "$R/.outputs.1"; cat "$0"'
    )
    end, said = begin(world, body, user=OTHER)
    assert isinstance(end, Ended)
    assert (end.exit_code, end.outputs) == (0, '{"a": 1}\n'), said
    assert said.splitlines()[:2] == ["nobody", "nobody"]


@pytest.mark.parametrize("path", PRIVATE)
def test_it_cannot_read_write_or_replace_what_proves_its_end(world: Real, path: str) -> None:
    body = (
        f'p="{path}"; for c in "cat $p" "touch $p" "rm -f $p" "mv $R/tmp $p" "ls $S" "ls $S/runs"; do '
        'if $c 2>/dev/null; then echo "could $c"; fi; done; ! echo x 2>/dev/null >> "$p"'
    )
    end, said = begin(world, body, user=OTHER)
    assert isinstance(end, Ended)
    assert "could cat" not in said
    assert "could touch" not in said
    assert "could mv" not in said
    assert "could ls" not in said
    assert end.exit_code == 0, said
    assert (world.folder / "state/engine.key").read_text() == "secret"


def test_the_timeout_ends_a_job_of_another_user_that_ignores_it(world: Real) -> None:
    end, _ = begin(world, "trap '' TERM; setsid sleep 1000 & sleep 1000", user=OTHER, timeout=0.5, grace=0.2)
    assert isinstance(end, Ended)
    assert (end.timed_out, end.signal) == (True, signal.SIGKILL)


def test_it_dies_with_its_supervisor_too(world: Real) -> None:
    order = launch(world, 'echo "$$ $PPID" > "$R/pids"; exec sleep 1000', user=OTHER)
    pids = world.folder / "state/runs/ab/abcd/pids"
    job, supervisor = map(int, until(lambda: pids.exists() and pids.read_text().split()))
    os.kill(supervisor, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{job}").exists())
    assert order.confinement is not None


def test_only_its_own_file_counts_as_its_outputs(tmp_path: Path) -> None:
    """A hard link to a file that only root may read would else be read for it."""
    source = tmp_path / ".outputs.1"
    source.write_text("secret")
    assert keep(str(source), str(tmp_path / "a.1"), Masker(()), KEY, uid=OTHER.uid) == 0
    assert keep(str(source), str(tmp_path / "a.1"), Masker(()), KEY, uid=0) == len("secret")


def test_only_what_its_user_may_read_is_kept_of_its_files(world: Real) -> None:
    """As with a hard link to a file that only root may read, or a folder that root has put there."""
    run = world.folder / "state/runs/ab/abcd"
    work = world.folder / "work"
    work.mkdir()
    for folder in (work, work / "open", work / "closed"):
        folder.mkdir(exist_ok=True)
        (folder / "file").write_text("of root")
    (work / "closed").chmod(0o700)
    (work / "file").chmod(0o640)
    group = work / "group"
    group.write_text("of a group of the user")
    group.chmod(0o640)
    os.chown(group, 0, OTHER.groups[1])
    for path in (group, *work.rglob("file")):
        os.utime(path, (LATER, LATER))  # they count as changed while it runs
    body = 'echo mine > "$R/mine"; mkdir "$R/deep"; echo too > "$R/deep/mine"'
    end, said = begin(world, body, user=OTHER, artifacts=("**", f"{work}/**"), working_dir=work)
    assert isinstance(end, Ended)
    kept = {one.name: one.note or "kept" for one in end.artifacts}
    assert kept == {
        "mine": "kept",
        "deep/mine": "kept",
        f"{work}/open/file": "kept",
        f"{work}/group": "kept",
        f"{work}/file": "cannot be read: Permission denied",
        f"{work}/closed/": "cannot be read: Permission denied",
    }, said
    copies = Path(f"{run}.1.artifacts")
    assert {(copies / name).stat().st_uid for name in ("1", "list")} == {0}
    assert oct(copies.stat().st_mode & 0o777) == "0o700"


CAPABILITIES = "+setuid,+setgid,+dac_override,+dac_read_search"
NOT_ROOT = (
    *("setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"),
    *(f"--inh-caps={CAPABILITIES}", f"--ambient-caps={CAPABILITIES}"),
)
READS = """
import os, sys
from engine.supervisor.rights import Rights
def can(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return False
    return True
changes = []
rights = Rights({"uid": int(sys.argv[2]), "gid": int(sys.argv[2]), "groups": []}, lambda: changes.append(1))
said = [can(sys.argv[1])]
rights.become()
said.append(can(sys.argv[1]))
with rights.own():
    said.append(can(sys.argv[1]))
    with rights.own():
        said.append(can(sys.argv[1]))
said.append(can(sys.argv[1]))
print(said, len(changes))
"""


@pytest.mark.parametrize("engine", [(), NOT_ROOT], ids=["root", "capabilities"])
def test_what_the_engine_may_read_is_closed_while_it_reads_as_another_user(
    world: Real, engine: tuple[str, ...]
) -> None:
    secret = world.folder / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    os.chown(secret, 1234 if engine else 0, 0)
    command = [*engine, sys.executable, "-c", READS, str(secret), str(OTHER.uid)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert said.stdout == "[True, False, True, True, False] 3\n"


def test_root_does_not_copy_a_folder_that_another_user_may_change(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    os.chown(old, OTHER.uid, OTHER.gid)
    assert not copy_run(old, new)
    assert not new.exists()
    os.chown(old, 0, 0)
    assert copy_run(old, new)


def test_a_working_folder_that_is_closed_to_the_user_is_named(world: Real) -> None:
    closed = world.folder / "closed"
    closed.mkdir(mode=0o700)
    order = world.order("ab", "true", working_dir=closed, confinement=Confinement(user=OTHER, limits={}))
    world.launcher.launch(order)
    end = world.end_of(order)
    assert isinstance(end, StartError)
    assert f"working folder {closed}: user `nobody` may not enter it" in end.detail


def test_priorities_reach_the_children(world: Real) -> None:
    _, said = begin(world, "sh -c 'nice; ionice'", nice=7, io="low", user=OTHER)
    assert said.splitlines() == ["7", "best-effort: prio 7"]


def test_root_may_raise_a_priority(world: Real) -> None:
    _, said = begin(world, "nice; ionice", nice=-3, io="idle")
    assert said.splitlines() == ["-3", "idle"]


@pytest.mark.parametrize(
    ("key", "limit", "option", "shown"),
    [
        ("open_files", 123, "n", "123"),
        ("file_size", 2**20, "f", "2048"),
        ("cpu_seconds", 77, "t", "77"),
        ("memory", 2**30, "v", str(2**20)),
    ],
)
def test_a_limit_of_each_process_holds_for_its_shell(
    world: Real, key: str, limit: int, option: str, shown: str
) -> None:
    _, said = begin(world, f"ulimit -{option}", limits={key: limit}, user=OTHER)
    assert said.strip() == shown


@pytest.mark.parametrize(
    ("key", "limit", "body"),
    [
        ("cpu_seconds", 1, "while :; do :; done"),
        ("file_size", 4096, "exec dd if=/dev/zero of=$TMPDIR/x bs=64k count=1"),
    ],
)
def test_the_limit_that_ended_a_job_is_named(world: Real, key: str, limit: int, body: str) -> None:
    end, _ = begin(world, body, limits={key: limit})
    assert isinstance(end, Ended)
    assert end.limit == key
    assert end.signal == {"cpu_seconds": signal.SIGXCPU, "file_size": signal.SIGXFSZ}[key]


def test_a_limit_that_the_kernel_refuses_is_named(world: Real) -> None:
    end, _ = begin(world, "true", limits={"open_files": 2**40})
    assert isinstance(end, StartError)
    assert end.detail.startswith("limits: open_files 1,099,511,627,776 cannot be set")


def test_the_user_of_a_name_and_what_is_closed_to_it(tmp_path: Path) -> None:
    assert find_account("no-such-user") is None
    found = find_account("nobody")
    assert found is not None
    assert (found.uid, found.gid in found.groups) == (NOBODY.pw_uid, True)
    closed = tmp_path / "closed"
    (closed / "state").mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder) not in ("/", "/tmp"):
            folder.chmod(0o755)
    closed.chmod(0o700)
    assert folder_closed_to(found, closed / "state") == closed
    closed.chmod(0o711)
    assert folder_closed_to(found, closed / "state") is None


# Control groups


@pytest.fixture
def above() -> str:
    """The group of this process, in which root makes others."""
    found = groups.base()
    assert found, "cgroups of version 2 are mounted"
    return found


def test_a_group_holds_a_process_and_is_removed_with_it(above: str) -> None:
    group = groups.path_of(above, f"test-{os.getpid()}")
    pid = os.fork()
    if pid == 0:
        try:
            groups.enter(group, {})
            os.execv("/bin/sleep", ["sleep", "1000"])
        finally:
            os._exit(1)  # whatever happens: this process must not go on with the tests
    until(lambda: str(pid) in (Path(group) / "cgroup.procs").read_text() if Path(group).exists() else False)
    groups.sweep(above)
    assert Path(group).exists(), "a sweep leaves groups with processes"
    groups.remove(group)
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    assert not Path(group).exists()


def test_a_group_that_was_left_empty_is_swept_after_a_while(tmp_path: Path) -> None:
    old, new, engine = (tmp_path / name for name in ("jobfile-old", "jobfile-new", groups.OWN))
    for folder in (old, new, engine, tmp_path / "foreign"):
        folder.mkdir()
    for folder in (old, engine, tmp_path / "foreign"):
        os.utime(folder, (0, 0))
    groups.sweep(str(tmp_path))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["foreign", groups.OWN, "jobfile-new"]


def test_limits_are_possible_where_the_kernel_offers_their_controllers(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "cgroup.procs").write_text("")
    (tmp_path / "cgroup.subtree_control").write_text("")
    assert not groups.can_limit("", "memory")
    assert not groups.can_limit(str(tmp_path), "hugetlb")
    assert groups.can_limit(str(tmp_path), "memory", "pids")
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_the_kills_of_a_group_are_counted(tmp_path: Path) -> None:
    assert groups.memory_kills_in(str(tmp_path)) == 0
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\noom_group_kill 1\n")
    assert groups.memory_kills_in(str(tmp_path)) == 2
