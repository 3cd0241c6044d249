"""What a program may print, hold and take, before it is ended with all that it started."""

import os

from engine.execution.launcher_client import Heard, listen

MEMORY = 256 * 1024 * 1024


def heard(script: str, *, text: bytes = b"", most: int = 1000, seconds: float = 20.0) -> Heard:
    return listen(
        ["/bin/sh", "-c", script],
        env={"PATH": os.defpath},
        text=text,
        most_bytes=most,
        memory_bytes=MEMORY,
        timeout_seconds=seconds,
    )


def test_a_program_is_heard() -> None:
    assert heard("cat; echo no >&2; exit 3", text=b"a\nb") == Heard(code=3, out=b"a\nb", complaint=b"no\n")


def test_a_program_that_has_closed_its_output_is_not_ended_before_it_ends() -> None:
    assert heard("exec >&- 2>&-; sleep 0.2; exit 3").code == 3
    assert heard("exec >&- 2>&-; sleep 60", seconds=0.2).trouble == "did not end within 0 s"


def test_a_text_larger_than_a_pipe_is_given_and_taken() -> None:
    text = b"x" * 1_000_000
    assert heard("cat", text=text, most=len(text)).out == text


def test_a_slow_program_is_ended_and_reported_in_words() -> None:
    assert heard("sleep 60 & sleep 60", seconds=0.2).trouble == "did not end within 0 s"


def test_a_program_that_prints_without_end_is_ended() -> None:
    said = heard("yes")
    assert said.trouble == "printed more than 1,000 bytes"
    assert len(said.out) < 200_000


def test_complaints_without_end_are_not_kept() -> None:
    assert len(heard("yes | head -c 10000000 >&2").complaint) < 200_000


def test_who_is_left_behind_with_the_output_is_not_awaited() -> None:
    assert heard("sleep 60 & echo done").out == b"done\n"


def test_a_program_gets_no_more_memory_than_its_limit_soon_after_it_began() -> None:
    said = heard("while dd if=/dev/zero of=/dev/null bs=500M count=1; do :; done; exit 9", seconds=60)
    assert said.code == 9
    assert b"exhausted" in said.complaint
