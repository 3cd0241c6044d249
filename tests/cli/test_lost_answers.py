"""The connection is cut while a command commits: the user learns whether the change happened."""

import contextlib
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile, Said
from tests.postgres_ledgers import superuser
from tests.postgres_servers import Server, run_folder, shared_server

COMMIT = b"; commit\0"
"""The end of the message in which a writer commits, in the protocol of PostgreSQL."""
ANSWER, REQUEST = "answer", "request"
SOCKET = ".s.PGSQL.5432"


class Cable:
    """A wire to the server that is cut once, at a commit: it then loses the request, or only its answer."""

    def __init__(self, server: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="jobfile-cable-", dir="/tmp"))
        self.loses = ""
        self.is_gone_afterwards = False
        self.cuts = 0
        self.failed = ""
        self._server = str(server / SOCKET)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / SOCKET))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self.cuts and self.is_gone_afterwards:
                    near.close()
                    continue
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._server)
                threading.Thread(target=self._pass_on, args=(near, far), daemon=True).start()
                threading.Thread(target=self._pass_back, args=(near, far), daemon=True).start()

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, contextlib.suppress(OSError):
            while part := near.recv(65_536):
                if not self.loses or not part.endswith(COMMIT):
                    far.sendall(part)
                    continue
                how, self.loses = self.loses, ""
                self.cuts += 1
                near.shutdown(socket.SHUT_RDWR)  # no answer reaches the client any more
                if how == ANSWER:
                    far.sendall(part)
                    far.shutdown(socket.SHUT_WR)
                    while far.recv(65_536):  # the server has it, and ends by itself
                        pass
                return

    def _pass_back(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := far.recv(65_536):
                near.sendall(part)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with shared_server(run_folder(tmp_path_factory)) as shared:
        yield shared


@pytest.fixture
def cable(
    server: Server, jobfile: Jobfile, worker_id: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cable]:
    """The wire to a ledger with jobs in force and a run that has failed."""
    name = f"cut-{worker_id}-{os.urandom(4).hex()}"
    with superuser(server.url()) as first:
        first.execute(f'create database "{name}"')
    made = Cable(server.folder)
    try:
        monkeypatch.setenv("JOBFILE_STORE", server.url(name).replace(str(server.folder), str(made.folder)))
        assert jobfile("apply", "--yes").code == 0
        assert jobfile("run", "bad").code == 1
        [run] = jobfile("runs", "--json").json["runs"]
        made.failed = run["id"]
        yield made
    finally:
        made.close()
        with superuser(server.url()) as first:
            first.execute(f'drop database "{name}" with (force)')


FAILED = "RUN"
"""Stands for the id of the run that has failed."""
CHANGES = (("run", "good", "--detach"), ("retry", FAILED, "--detach"), ("pause", "good", "--why", "vendor"))


def ask(cable: Cable, jobfile: Jobfile, *change: str) -> Said:
    return jobfile(*(cable.failed if one == FAILED else one for one in change))


def recorded(jobfile: Jobfile) -> tuple[int, int]:
    """How many runs there are, and how many pauses."""
    runs = jobfile("runs", "--json").json["runs"]
    jobs = jobfile("list", "--json").json["jobs"]
    return len(runs), sum(bool(one["paused"]) for one in jobs)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_a_change_whose_answer_is_lost_is_told_as_done_when_it_is(
    cable: Cable, jobfile: Jobfile, change: tuple[str, ...]
) -> None:
    before = sum(recorded(jobfile))
    cable.loses = ANSWER
    done = ask(cable, jobfile, *change)
    assert cable.cuts == 1, done
    assert (done.code, "try again" in done.err) == (0, False), done
    assert sum(recorded(jobfile)) == before + 1, "it happened, once"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
def test_a_change_that_did_not_reach_the_server_may_be_tried_again(
    cable: Cable, jobfile: Jobfile, change: tuple[str, ...]
) -> None:
    before = sum(recorded(jobfile))
    cable.loses = REQUEST
    done = ask(cable, jobfile, *change)
    assert cable.cuts == 1, done
    assert done.code == 75
    assert "nothing was recorded; try again" in done.err
    assert sum(recorded(jobfile)) == before
    assert ask(cable, jobfile, *change).code == 0
    assert sum(recorded(jobfile)) == before + 1


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0])
@pytest.mark.parametrize("loses", [ANSWER, REQUEST])
def test_a_change_of_which_nobody_knows_is_not_told_as_one_to_try_again(
    cable: Cable, jobfile: Jobfile, change: tuple[str, ...], loses: str
) -> None:
    cable.loses, cable.is_gone_afterwards = loses, True
    done = ask(cable, jobfile, *change, "--json")
    assert cable.cuts == 1, done
    assert done.code == 1, "75 says that a script may try again"
    error = done.json["error"]
    assert error["code"] == "change_unknown"
    assert "may have been recorded" in error["message"]
    assert error["help"].startswith("look with  jobfile audit")
