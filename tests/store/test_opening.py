"""A ledger is opened by its URL."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import engine.ledger
from engine.config import EngineConfig
from engine.core.errors import JobfileError
from engine.host.lock import make_private_file
from engine.ledger.opening import EXPECTED, examine_ledger, open_ledger, open_trace_free_view, open_view


def config_of(folder: Path) -> EngineConfig:
    return EngineConfig(main_file=folder / "jobs.yaml", state_dir=folder, environ={})


@pytest.mark.parametrize("name", [b"plain", b"a b", b"100%25?x=1#y", "größe".encode(), b"\xff\xfe", b"a:b@c"])
def test_a_ledger_is_opened_by_the_url_of_its_file_whatever_its_folder_is_called(
    tmp_path: Path, name: bytes
) -> None:
    config = config_of(tmp_path / os.fsdecode(name))
    config.state_dir.mkdir()
    config.ledger.touch()
    url = config.ledger_url
    assert url.startswith("sqlite:///")
    assert url.isascii()
    store = open_ledger(url)
    with store.transaction():
        store.past.note("answer", "42")
    store.close()
    view = open_trace_free_view(url, is_in_use=False)
    lineage = view.lineage()
    view.close()
    assert [one.name for one in config.state_dir.iterdir()] == ["ledger.db"], (
        "no other file, and it left nothing"
    )
    view = open_view(url)
    assert view.lineage() == lineage
    view.close()
    assert examine_ledger(url).damage == ()


def test_a_relative_state_folder_gives_an_absolute_url() -> None:
    path = Path("some/where")
    assert config_of(path).ledger_url == f"sqlite://{path.absolute()}/ledger.db"


@pytest.mark.parametrize("way", [open_ledger, open_view, examine_ledger])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://anna:secret@db/x", f"has the scheme `mysql`; {EXPECTED}"),
        ("/var/ledger.db", f"has no scheme; {EXPECTED}"),
        ("", f"has no scheme; {EXPECTED}"),
        ("sqlite://ledger.db", f"names no absolute path; {EXPECTED}"),
        (
            "postgresql://anna:sec/ret@db:5432/x",
            "the ledger's URL cannot be read; expected  postgresql://USER@",
        ),
        ("postgresql://anna:sec%zzret@db/x", "with the characters `/ @ : % ? #` of a part as %2F %40"),
        ("postgres://anna:secret@db/x?sslmoode=1&password=secret", "the ledger's URL cannot be read"),
        (
            "postgresql://anna:secret@127.0.0.1:1/jobs",
            "the ledger postgresql://127.0.0.1:1/jobs cannot be reached (connection failed: ",
        ),
        ("postgresql://anna:sec@ret@db/x", "the ledger's URL cannot be read"),
        (
            "postgresql://anna:secret@/jobs?host=/no/where",
            "ledger postgresql:///jobs?host=/no/where cannot be",
        ),
    ],
)
def test_a_url_of_no_store_is_refused_with_the_ones_that_there_are(way, url: str, said: str) -> None:
    with pytest.raises(JobfileError) as caught:
        way(url)
    assert said in str(caught.value)
    chain = (
        caught.value,
        caught.value.__cause__,
        *([] if caught.value.__suppress_context__ else [caught.value.__context__]),
    )
    assert not [one for one in chain if re.search(r"secret|sec\W|\Wret", str(one))]


def test_without_the_driver_a_url_of_postgresql_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if hasattr(
        engine.ledger, "postgres"
    ):  # an import that fails replaces it, and other tests find it by name
        monkeypatch.setattr(engine.ledger, "postgres", engine.ledger.postgres)
    for name in [one for one in sys.modules if one.startswith(("psycopg", "engine.ledger.postgres"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(JobfileError) as caught:
        open_ledger("postgresql://db/x")
    said = "a ledger in PostgreSQL needs psycopg; install it with  pip install 'jobfile[postgres]'"
    assert (str(caught.value), caught.value.exit_code) == (said, 64)


def test_a_ledger_in_a_file_loads_no_driver_of_a_server(tmp_path: Path) -> None:
    make_private_file(tmp_path / "ledger.db")
    look = (
        "import sys; from engine.ledger.opening import open_ledger;"
        f"open_ledger('sqlite://{tmp_path}/ledger.db').close();"
        "print([one for one in sys.modules if 'psycopg' in one or 'postgres' in one])"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
