"""What a main file includes is the same on disk and at a commit: one suite for both trees."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.errors import RevisionError
from engine.sources.file_reader import read_job_files
from engine.sources.git_revisions import snapshot_at
from jobfile.files.include import MAX_FILES, MAX_TREE_BYTES
from jobfile.pipeline import compile_files
from jobfile.syntax.document import MAX_FILE_BYTES

Found = tuple[tuple[tuple[str, bytes], ...], tuple[str, ...]]
Read = Callable[[Path], Found]


def on_disk(main: Path) -> Found:
    found = read_job_files(main)
    return found.files, found.outside


def at_a_commit(main: Path) -> Found:
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "x", "--no-gpg-sign")):
        who = ("-c", "user.name=A", "-c", "user.email=a@example.com")
        subprocess.run(["git", "-C", str(main.parent), *who, *arguments], check=True, capture_output=True)
    found = snapshot_at(main, "HEAD")
    return found.files, found.outside


@pytest.fixture(params=[on_disk, at_a_commit], ids=["on disk", "at a commit"])
def read(request: pytest.FixtureRequest) -> Read:
    tree: Read = request.param
    return tree


def put(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "jobs.yaml"


def names(found: Found, folder: Path) -> list[str]:
    return [str(Path(name).relative_to(folder)) for name, _ in found[0]]


FILES = ("a.yaml", "b.yml", "jobs/c.yaml", "jobs/d.yaml", "jobs/deep/e.yaml", "jobs/.hidden.yaml", "é x.yaml")
FILES += (".h/a.yaml", "jobs/.h/b.yaml")


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        ("'*.yaml'", ["a.yaml", "é x.yaml"]),
        ("'jobs/*.yaml'", ["jobs/c.yaml", "jobs/d.yaml"]),
        ("'**/*.yaml'", ["a.yaml", "jobs/c.yaml", "jobs/d.yaml", "jobs/deep/e.yaml", "é x.yaml"]),
        ("'jobs/**'", ["jobs/.hidden.yaml", "jobs/c.yaml", "jobs/d.yaml", "jobs/deep/e.yaml"]),
        ("jobs/d.yaml, ./a.yaml, 'jobs//c.yaml'", ["a.yaml", "jobs/c.yaml", "jobs/d.yaml"]),
        ("jobs/.hidden.yaml", ["jobs/.hidden.yaml"]),
        ("'jobs/.*.yaml'", ["jobs/.hidden.yaml"]),
        ("'jobs/?.yaml', 'jobs/d*'", ["jobs/c.yaml", "jobs/d.yaml"]),
        ("missing.yaml, jobs, 'jobs/*.yml'", []),
        ("../outside.yaml, /etc/passwd, ~/x", []),
        ("'.h/*.yaml'", [".h/a.yaml"]),
        ("'jobs/.*/*.yaml', 'x/**'", ["jobs/.h/b.yaml"]),
        ("'**/.h/*.yaml'", [".h/a.yaml", "jobs/.h/b.yaml"]),
        ("jobs.yaml", []),
        ("", []),
    ],
)
def test_an_include_means_the_same_files(tmp_path: Path, read: Read, entries: str, wanted: list[str]) -> None:
    main = put(tmp_path, {**dict.fromkeys(FILES, "version: 1\n"), "jobs.yaml": f"include: [{entries}]\n"})
    found = read(main)
    assert names(found, tmp_path) == ["jobs.yaml", *wanted]
    assert [data for _, data in found[0][1:]] == [b"version: 1\n"] * len(wanted)
    assert found[1] == ()


def test_a_link_is_named_and_not_read(tmp_path: Path, read: Read) -> None:
    main = put(tmp_path, {"jobs.yaml": "include: ['*.yml', link.yaml]\n", "a.yml": "x", "z.yml": "y"})
    for link in ("link.yaml", "m.yml"):
        (tmp_path / link).symlink_to("/etc/passwd")
    files, outside = read(main)
    assert [Path(name).name for name, _ in files] == ["jobs.yaml", "a.yml", "z.yml"]
    assert [Path(name).name for name in outside] == ["link.yaml", "m.yml"]


def test_a_main_file_that_cannot_be_read_includes_nothing(tmp_path: Path, read: Read) -> None:
    main = put(tmp_path, {"jobs.yaml": "include: [a.yml\n", "a.yml": "x"})
    assert names(read(main), tmp_path) == ["jobs.yaml"]


@pytest.mark.parametrize(("count", "is_refused"), [(MAX_FILES, False), (MAX_FILES + 2, True)])
def test_too_many_files_are_refused_and_none_is_left_out_in_silence(
    tmp_path: Path, read: Read, count: int, *, is_refused: bool
) -> None:
    every = {f"jobs/{number:04}.yaml": "version: 1\n" for number in range(count)}
    files, outside = read(put(tmp_path, {"jobs.yaml": "version: 1\ninclude: ['jobs/*']\n", **every}))
    codes = [one.code for one in compile_files(files, outside=outside).diagnostics if one.is_error]
    assert codes == (["JF017"] if is_refused else [])


def test_files_that_are_too_large_together_are_read_to_where_that_is_known(
    tmp_path: Path, read: Read
) -> None:
    line = f"# {'x' * 61}\n"
    count = MAX_TREE_BYTES // MAX_FILE_BYTES
    text = line * (MAX_FILE_BYTES // len(line))
    every = {f"jobs/{number:02}.yaml": text for number in range(count + 3)}
    files, outside = read(put(tmp_path, {"jobs.yaml": "version: 1\ninclude: ['jobs/*']\n", **every}))
    total = sum(len(data) for _, data in files)
    assert total > MAX_TREE_BYTES >= total - len(text)
    assert "JF017" in [one.code for one in compile_files(files, outside=outside).diagnostics]


def test_a_name_that_nobody_could_give_counts_as_unreadable(tmp_path: Path, read: Read) -> None:
    main = put(tmp_path, {"jobs.yaml": "include: ['*.yml']\n"})
    (tmp_path / "a\udcff.yml").write_text("x")
    with pytest.raises((OSError, RevisionError), match="its name is not UTF-8"):
        read(main)
