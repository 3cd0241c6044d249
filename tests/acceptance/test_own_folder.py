"""Jobs that take away or lock the evidence of themselves: executed once, and the end is the true one."""

import os
from pathlib import Path

import pytest

from engine.core.lifecycle import RunState
from tests.acceptance.engines import engine, final, lines_of, output, put, say, submit

MARK = 'echo "$JOBFILE_RUN_ID-$JOBFILE_ATTEMPT" >> executed'
AS_A_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root, but bound to the rights of files as everybody else is (capabilities(7))."""


@pytest.mark.parametrize(
    "then", ["", "sleep 1.5; ", "sleep 5; "], ids=["at once", "a look later", "much later"]
)
@pytest.mark.parametrize(
    "way",
    ['rm -rf "$(dirname "$0")"', 'rm -rf "$(dirname "$JOBFILE_RUN_DIR")"', 'rm -rf "$(dirname "$0")"?*'],
    ids=["attempt", "shelf", "evidence"],
)
def test_a_job_that_deletes_its_own_evidence_is_executed_once_and_its_end_is_known(
    tmp_path: Path, way: str, then: str
) -> None:
    body = f"{MARK}; echo before; {way} || true; {then}echo after; exit 5"
    put(tmp_path, f"version: 1\njobs:\n  a:\n    timeout: 1m\n    run: |\n      {body}\n")
    with engine(tmp_path):
        ended = final(tmp_path, submit(tmp_path, "a"))
    assert lines_of(tmp_path / "executed") == [f"{ended.id}-1"]
    assert (ended.state, ended.exit_code, ended.attempt) == (RunState.FAILED, 5, 1)


def test_a_job_that_locks_its_own_folder_ends_with_its_own_code(tmp_path: Path) -> None:
    body = f'{MARK}; echo told; chmod 000 "$(dirname "$0")" "$JOBFILE_RUN_DIR"/..; exit 9'
    put(tmp_path, f"version: 1\njobs:\n  a:\n    timeout: 1m\n    run: |\n      {body}\n")
    prefix = AS_A_USER if os.geteuid() == 0 else ()
    with engine(tmp_path, prefix=prefix):
        ended = final(tmp_path, submit(tmp_path, "a"))
    assert lines_of(tmp_path / "executed") == [f"{ended.id}-1"]
    assert (ended.state, ended.exit_code) == (RunState.FAILED, 9)
    assert output(tmp_path, ended.id) == "told\n"


def test_what_a_job_wrote_is_kept_though_it_took_its_private_folder_away(tmp_path: Path) -> None:
    put(tmp_path, "version: 1\njobs:\n  a: {timeout: 1m, run: 'echo told; rm -rf \"$JOBFILE_RUN_DIR\"'}\n")
    with engine(tmp_path):
        ended = final(tmp_path, submit(tmp_path, "a"))
    said = say(tmp_path, "logs", ended.id)
    assert said.stdout == "told\n"
    assert said.stderr.endswith(": succeeded\n"), "and not that what it wrote is gone"
