"""A ledger is opened by its URL."""

import os
from pathlib import Path

import pytest

from engine.config import EngineConfig
from engine.core.errors import JobfileError
from engine.ledger.opening import examine_ledger, open_ledger, open_trace_free_view, open_view


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
        ("postgresql://anna:secret@db/x", "has the scheme `postgresql`; expected  sqlite:///PATH"),
        ("/var/ledger.db", "has no scheme; expected  sqlite:///PATH"),
        ("", "has no scheme; expected  sqlite:///PATH"),
        ("sqlite://ledger.db", "names no absolute path; expected  sqlite:///PATH"),
    ],
)
def test_a_url_of_no_store_is_refused_with_the_ones_that_there_are(way, url: str, said: str) -> None:
    with pytest.raises(JobfileError) as caught:
        way(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
