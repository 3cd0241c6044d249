"""Files that a command writes because its options name them: a link in a repository leads nowhere else."""

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile

WRITERS = {
    "svg": ("simulate", "--days", "1", "--svg"),
    "csv": ("simulate", "--days", "1", "--csv"),
    "junit": ("test", "--junit"),
}
CASES = "version: 1\ntests:\n  it runs:\n    job: good\n    expect: {state: succeeded}\n"


@pytest.fixture
def tmp_path(on_disk: Path) -> Path:
    """Memory is below /dev, where links are the system's, and followed."""
    return on_disk


@pytest.fixture(autouse=True)
def cases(tmp_path: Path) -> None:
    (tmp_path / "jobs.test.yaml").write_text(CASES)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("has_target", [True, False])
def test_a_link_is_not_written_through(
    jobfile: Jobfile, tmp_path: Path, writer: str, has_target: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = elsewhere / "of-the-user"
    if has_target:
        target.write_text("precious")
    (tmp_path / "out").symlink_to(target)
    said = jobfile(*WRITERS[writer], "out")
    assert (said.code, "cannot write out: it is a link; name the file that it leads to" in said.err) == (
        1,
        True,
    ), said
    assert not has_target or target.read_text() == "precious"
    assert has_target or not target.exists()


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_is_written_again_and_the_systems_links_are_followed(
    jobfile: Jobfile, tmp_path: Path, writer: str
) -> None:
    (tmp_path / "out").write_text("x" * 1_000_000)
    assert jobfile(*WRITERS[writer], "out").code == 0
    text = (tmp_path / "out").read_text()
    assert 0 < len(text) < 100_000
    reader, end = os.pipe()
    with os.fdopen(reader, "rb") as file:
        assert jobfile(*WRITERS[writer], f"/dev/fd/{end}").code == 0
        os.close(end)
        assert file.readline().decode() == text.splitlines(keepends=True)[0]
