"""The jobs of the files, for pages: nobody waits until thousands of jobs are compiled."""

import threading
from pathlib import Path

import pytest

from engine.ports import Snapshot
from engine.service.listing import WrittenJobs
from engine.sources.folder import FolderTree
from engine.web import compiled
from engine.web.compiled import CompiledFiles
from tests.web.site import Web


def names(found: WrittenJobs | None) -> list[str]:
    assert found is not None
    assert found.jobs is not None
    return [one.name for one in found.jobs]


def test_files_are_compiled_once_and_again_when_they_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_them, made = compiled.written_jobs, []

    def counted(snapshot: Snapshot) -> WrittenJobs:
        made.append(snapshot)
        return compile_them(snapshot)

    monkeypatch.setattr(compiled, "written_jobs", counted)
    files, main = CompiledFiles(), tmp_path / "jobs.yaml"
    for name in ("one", "two"):
        main.write_text(f"version: 1\njobs: {{{name}: {{run: x}}}}\n")
        for ask in (files.soon, files.of, files.soon):
            assert names(ask(FolderTree(main).snapshot())) == [name]
    assert len(made) == 2


def test_a_page_does_not_wait_for_files_that_take_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_them, may_end = compiled.written_jobs, threading.Event()

    def slow(snapshot: Snapshot) -> WrittenJobs:
        assert may_end.wait(30)
        return compile_them(snapshot)

    monkeypatch.setattr(compiled, "written_jobs", slow)
    monkeypatch.setattr(compiled, "PATIENCE_SECONDS", 0.01)
    web = Web(tmp_path)
    web.live(instants=1)
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {new: {run: x}}\n")
    early = web.owner("/jobs").text
    assert 'href="/jobs/good"' in early
    assert "cannot be read" not in early
    assert "not applied yet" not in early
    may_end.set()
    web.site.files.of(FolderTree(tmp_path / "jobs.yaml").snapshot())
    web.site.memory.forget()
    assert "not applied yet" in web.owner("/jobs").text
    web.close()
