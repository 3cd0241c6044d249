"""Masking and keeping output, as properties."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from engine.supervisor import storing
from engine.supervisor.masking import MASK, MIN_LINE_BYTES, Masker, forms
from engine.supervisor.output import HEAD_BYTES, OutputTail

SECRET = 'pa"ss w0rd/ü'
texts = st.binary(max_size=40)
pieces = st.lists(
    st.one_of(texts, st.just(SECRET.encode()), st.sampled_from([b"pa", b'pa"ss', b"w0rd", b"***"]))
)


def masked(parts: list[bytes], secrets: list[str]) -> bytes:
    masker = Masker(secrets)
    return b"".join([*(masker.feed(part) for part in parts), masker.rest()])


@given(pieces, st.lists(st.integers(0, 60), max_size=8))
def test_however_the_output_is_cut_the_same_is_stored(parts: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(parts)
    places = sorted({min(cut, len(whole)) for cut in cuts})
    chunks = [whole[a:b] for a, b in zip([0, *places], [*places, len(whole)], strict=True)]
    assert masked(chunks, [SECRET]) == masked([whole], [SECRET])
    assert masked([bytes([one]) for one in whole], [SECRET]) == masked([whole], [SECRET])


@given(pieces)
def test_the_secret_is_never_stored(parts: list[bytes]) -> None:
    assert SECRET.encode() not in masked(parts, [SECRET])


@given(st.lists(texts))
def test_without_secrets_nothing_changes(parts: list[bytes]) -> None:
    assert masked(parts, []) == b"".join(parts)


def test_the_usual_forms_of_a_secret_are_masked() -> None:
    raw = SECRET.encode()
    for form in (json.dumps(SECRET)[1:-1], quote(SECRET, safe=""), quote(SECRET, safe="/"), raw.hex()):
        assert masked([b"<", form.encode(), b">"], [SECRET]) == b"<" + MASK + b">"


def test_each_long_line_of_a_secret_is_masked_and_short_ones_are_not() -> None:
    key = "{\n-----BEGIN KEY-----\nAAAABBBBCCCC\n}"
    assert masked([b"AAAABBBBCCCC {\n"], [key]) == MASK + b" {\n"


@given(st.lists(st.text("abcxyz{}", min_size=1, max_size=12), min_size=2, max_size=6))
def test_a_line_of_a_secret_is_masked_from_its_least_length_on(lines: list[str]) -> None:
    secret = "\n".join(lines)
    for line in lines:
        is_long = len(line) >= MIN_LINE_BYTES or line == secret.strip()
        alone = masked([b"<", line.encode(), b">"], [secret])
        is_inside = any(other in line for other in lines if len(other) >= MIN_LINE_BYTES)
        assert (alone == b"<" + MASK + b">") == is_long
        assert (line.encode() in alone) == (not is_long and not is_inside)


@given(st.text(min_size=6, max_size=12).filter(lambda text: text.strip() == text))
def test_every_form_of_a_secret_is_masked_however_it_arrives(secret: str) -> None:
    for form in forms(secret):
        pieces = [bytes([one]) for one in form]
        assert masked([b"<", *pieces, b">"], [secret]) == b"<" + MASK + b">"
        assert masked([form[:-1], form[-1:]], [secret]) == MASK


def test_what_is_left_of_a_secret_without_its_blanks_is_masked_from_six_bytes_on() -> None:
    assert masked([b"abcde"], [" abcde "]) == b"abcde"
    assert masked([b"abcdef"], [" abcdef "]) == MASK
    assert masked([b"abc"], ["abc"]) == MASK


def test_a_line_of_exactly_the_least_length_is_masked_and_one_byte_less_is_not() -> None:
    least, less = "k" * MIN_LINE_BYTES, "s" * (MIN_LINE_BYTES - 1)
    assert masked([f"{least} {less}".encode()], [f"{least}\n{less}"]) == MASK + b" " + less.encode()


@given(st.binary(min_size=6, max_size=30).filter(lambda value: value.strip() == value and b"\n" not in value))
def test_a_secret_of_any_bytes_is_masked_in_every_usual_form(value: bytes) -> None:
    """A file of a secret and a variable are bytes; Python holds what is not UTF-8 as surrogates."""
    secret = value.decode("utf-8", "surrogateescape")
    in_base64 = base64.b64encode(b"user:" + value + b":")
    for form in (value, value.hex().encode(), quote(value, safe="").encode()):
        assert masked([b"<", form, b">"], [secret]) == b"<" + MASK + b">"
    assert len(value) < 8 or MASK in masked([in_base64], [secret])


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_what_is_written_is_read_back(parts: list[bytes]) -> None:
    import tempfile  # noqa: PLC0415  a folder for each example

    with tempfile.TemporaryDirectory() as folder:
        files = storing.OutputFiles(folder, Masker([]))
        tail = OutputTail(Path(folder))
        seen = b""
        for part in parts:
            files.write(part)
            seen += tail.read()
        files.close()
        assert seen + tail.read() == b"".join(parts)
        assert (files.total, files.dropped) == (sum(map(len, parts)), 0)


def test_a_folder_that_is_not_there_has_no_output_yet(tmp_path: Path) -> None:
    assert OutputTail(tmp_path / "none").read() == b""


def test_a_disk_that_is_full_drops_output_and_counts_it(tmp_path: Path) -> None:
    (tmp_path / "output").mkdir()  # a folder in its place: it cannot be opened for writing
    files = storing.OutputFiles(str(tmp_path), Masker([]))
    files.write(b"x" * 1000)
    files.close()
    assert (files.total, files.dropped) == (1000, 1000)
    assert HEAD_BYTES > 1000


def test_output_of_which_the_folder_was_away_goes_on_when_it_is_back(tmp_path: Path) -> None:
    """Also when it was away before anything could be stored. What was written meanwhile counts as dropped."""
    for number, first in enumerate((b"", b"kept, then taken")):
        folder = tmp_path / str(number) / "attempt"
        folder.parent.mkdir()
        output = storing.OutputFiles(str(folder), Masker([]))
        output.write(first)
        folder.parent.rename(tmp_path / f"away-{number}")
        output.write(b"lost")
        folder.parent.mkdir()
        output.renew()
        output.write(b"after")
        output.close()
        assert OutputTail(folder).read() == b"after"
        assert (output.total, output.dropped) == (len(first) + 9, len(first) + 4)


def test_a_part_that_was_taken_away_counts_as_dropped_and_the_rest_stays(tmp_path: Path) -> None:
    folder = tmp_path / "attempt"
    output = storing.OutputFiles(str(folder), Masker([]))
    output.write(b"h" * HEAD_BYTES + b"gone")
    (folder / "output.1").unlink()
    output.renew()
    output.write(b"after")
    output.close()
    stored = OutputTail(folder).read()
    assert stored == b"h" * HEAD_BYTES + b"after"
    assert len(stored) == output.total - output.dropped


def test_a_part_that_cannot_be_made_is_begun_again_and_the_head_stays(tmp_path: Path) -> None:
    folder = tmp_path / "attempt"
    output = storing.OutputFiles(str(folder), Masker([]))
    output.write(b"h" * HEAD_BYTES)
    (folder / "output.1").mkdir()  # in the way
    output.write(b"lost")
    output.renew()
    (folder / "output.1").rmdir()
    output.write(b"after")
    output.close()
    assert OutputTail(folder).read() == b"h" * HEAD_BYTES + b"after"
    assert (output.total, output.dropped) == (HEAD_BYTES + 9, 4)
