"""`jobfile fmt` on real files."""

import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits

ODD = "version: 1\njobs:\n    a:\n        run: echo hi   # said\n"
LAID_OUT = "version: 1\njobs:\n  a:\n    run: echo hi # said\n"


def test_the_main_file_and_what_it_includes_are_laid_out(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\ninclude: [more/*.yaml]\njobs: {}\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.yaml").write_text(ODD)
    (tmp_path / "more" / "a.yaml").chmod(0o640)
    said = jobfile("fmt")
    assert (said.code, said.err) == (0, "formatted more/a.yaml\n")
    assert (tmp_path / "more" / "a.yaml").read_text() == LAID_OUT
    assert stat.S_IMODE((tmp_path / "more" / "a.yaml").stat().st_mode) == 0o640
    assert jobfile("fmt").err == ""


def test_check_and_diff_change_nothing(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(ODD)
    checked = jobfile("fmt", "--check")
    assert (checked.code, checked.err) == (1, "would change jobs.yaml\n")
    shown = jobfile("fmt", "--diff")
    assert shown.code == 0
    assert "-        run: echo hi   # said\n+  a:\n+    run: echo hi # said\n" in shown.out
    assert (tmp_path / "jobs.yaml").read_text() == ODD
    (tmp_path / "jobs.yaml").write_text(LAID_OUT)
    assert jobfile("fmt", "--check").code == 0


@pytest.mark.parametrize("layout", [LAID_OUT, ODD])
def test_check_finds_mistakes_and_fmt_still_lays_out(jobfile: Jobfile, tmp_path: Path, layout: str) -> None:
    (tmp_path / "jobs.yaml").write_text(layout.replace("run:", "rum:"))
    checked = jobfile("fmt", "--check")
    assert checked.code == 1
    assert "jobs.yaml has mistakes; to see them:  jobfile check jobs.yaml\n" in checked.err
    assert ("would change" in checked.err) == (layout == ODD)
    assert jobfile("fmt").code == 0
    assert (tmp_path / "jobs.yaml").read_text() == LAID_OUT.replace("run:", "rum:")


def test_blanks_after_a_colon_become_one(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version:   1\njobs: {a: {schedule:   '0 3 * * *', run:  echo}}\n")
    assert jobfile("fmt").code == 0
    assert (tmp_path / "jobs.yaml").read_text() == (
        "version: 1\njobs: {a: {schedule: '0 3 * * *', run: echo}}\n"
    )


def test_line_ends_and_a_byte_order_mark_stay(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_bytes(b"\xef\xbb\xbf" + ODD.replace("\n", "\r\n").encode())
    assert jobfile("fmt").code == 0
    written = (tmp_path / "jobs.yaml").read_bytes()
    assert written == b"\xef\xbb\xbf" + LAID_OUT.replace("\n", "\r\n").encode()


def test_a_file_with_mistakes_is_reported_and_left_alone(jobfile: Jobfile, tmp_path: Path) -> None:
    text = ODD + "    a:\n        run: again\n"
    (tmp_path / "jobs.yaml").write_text(text)
    said = jobfile("fmt", "jobs.yaml", "missing.yaml")
    assert said.code == 65
    assert "error[JF006]: key `a` is given twice" in said.out
    assert "not changed jobs.yaml: it has mistakes" in said.err
    assert "cannot read missing.yaml: No such file" in said.err
    assert (tmp_path / "jobs.yaml").read_text() == text


def test_programs_learn_what_happened_to_each_file(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text(ODD)
    (tmp_path / "good.yaml").write_text(LAID_OUT)
    (tmp_path / "broken.yaml").write_text("jobs: {")
    names = ("odd.yaml", "good.yaml", "broken.yaml")

    def outcomes(*options: str) -> list[str]:
        said = jobfile("fmt", "--json", *options, *names)
        assert (said.code, said.err) == (1, "")
        fits(said.json, "fmt")
        return [one["outcome"] for one in said.json["files"]]

    assert outcomes("--check") == outcomes("--diff") == ["would_change", "same", "refused"]
    assert (tmp_path / "odd.yaml").read_text() == ODD
    diff = jobfile("fmt", "--diff", "--json", "odd.yaml").json["files"][0]["diff"]
    assert diff.startswith("--- odd.yaml\n+++ odd.yaml\n@@ ")
    said = jobfile("fmt", "--json", *names, "missing.yaml")
    assert (said.code, said.json["error"]["code"]) == (65, "unreadable_file")
    assert (tmp_path / "odd.yaml").read_text() == ODD, "a file cannot be read, so none is changed"
    assert outcomes() == ["formatted", "same", "refused"]
    assert (tmp_path / "odd.yaml").read_text() == LAID_OUT
    (tmp_path / "odd.yaml").write_text(LAID_OUT.replace("run:", "rum:"))
    said = jobfile("fmt", "--check", "--json", "odd.yaml")
    assert (said.code, said.json["files"][0]) == (
        1,
        {"file": "odd.yaml", "outcome": "same", "problem": "it has mistakes", "diff": None},
    )
