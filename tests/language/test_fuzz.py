"""Any bytes at all: nothing raises, every place is in its file, good jobs come back unchanged.

JOBFILE_FUZZ_SECONDS gives each kind of test a time instead of a number of examples.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.known import known_files
from tests.language.oracle import examine, split_files
from tests.language.schema_generator import Generator, dumped
from tests.soak import IS_SOAK, examples

FOUND = known_files("tests/language/cases/found", "*.yaml")
SEEDED = ("tests/language/cases", "tests/language/examples", "samples")
SEEDS = [path.read_bytes() for folder in SEEDED for path in known_files(folder, "*.yaml")]
TOKENS = sorted({token for seed in SEEDS for token in re.findall(rb"[\w./:@-]{1,30}|[^\w\s]", seed)})
SIGNS = b"\t \n:-[]{},'\"#&*!|>%@`\\$~<(\x00\r\x7f\xc2\x85\xa0\xe2\x80\xa8\xff\xed"
SECONDS = float(os.environ.get("JOBFILE_FUZZ_SECONDS", "0"))
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


def tries(count: int) -> settings:
    """The given number of examples, or those that fit in the given time: one takes about 10 ms."""
    more = int(SECONDS * 100)
    return settings(
        deadline=None,
        max_examples=more or examples(count),
        derandomize=not (more or IS_SOAK),
        suppress_health_check=SLOW,
    )


def seeds(count: int) -> Iterator[int]:
    """Numbers to make files from: always the same few (`make soak`: more), or new ones for a time."""
    if not SECONDS:
        yield from range(examples(count))
        return
    first, end = time.time_ns(), time.monotonic() + SECONDS
    while time.monotonic() < end:
        first += 1
        yield first


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_files_that_broke_something_once_are_read(path: Path) -> None:
    examine(split_files(path.read_bytes()))


@pytest.mark.timeout(0)
@tries(200)
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    examine([("jobs.yaml", content)])


@pytest.mark.timeout(0)
@tries(200)
@given(st.lists(st.sampled_from([*TOKENS, b" ", b"\n", b"\n  ", b"\n    ", b": ", b"- "]), max_size=40))
def test_any_row_of_words(tokens: list[bytes]) -> None:
    examine([("jobs.yaml", b"".join(tokens))], mends=False)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A file that somebody wrote, with some lines, words and signs gone, doubled, moved or replaced."""
    content = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        lines = content.split(b"\n")
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["drop", "double", "indent", "outdent", "swap", "word", "cut", "sign"]))
        if kind == "drop" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(draw(st.integers(0, len(lines))), lines[at])
        elif kind == "indent":
            lines[at] = draw(st.sampled_from([b"  ", b"\t", b" "])) + lines[at]
        elif kind == "outdent":
            lines[at] = lines[at][draw(st.integers(1, 4)) :]
        elif kind == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "sign":
            place = draw(st.integers(0, len(lines[at])))
            sign = SIGNS[(index := draw(st.integers(0, len(SIGNS) - 1))) : index + 1]
            lines[at] = lines[at][:place] + sign + lines[at][place + draw(st.integers(0, 1)) :]
        else:
            words = re.split(rb"(\W+)", lines[at])
            words[draw(st.integers(0, len(words) - 1))] = (
                b"" if kind == "cut" else draw(st.sampled_from(TOKENS))
            )
            lines[at] = b"".join(words)
        content = b"\n".join(lines)
    return content


@pytest.mark.timeout(0)
@tries(300)
@given(broken())
def test_broken_files(content: bytes) -> None:
    examine(split_files(content), mends=SECONDS > 0)


@pytest.mark.timeout(0)
def test_files_made_from_the_schema() -> None:
    good = tried = 0
    for seed in seeds(240):
        tried += 1
        generator = Generator(seed)
        files = generator.files()
        try:
            looked = examine(files)
            if looked.catalog is None:
                continue
            good += bool(looked.catalog.jobs)
            shuffled = [(name, dumped(generator.shuffled(json.loads(text)))) for name, text in files]
            again = examine(shuffled, mends=False)
            assert again.catalog is not None
            assert again.catalog.digest == looked.catalog.digest, "the order of keys has no meaning"
        except BaseException as error:
            error.add_note(f"seed {seed}: " + "\n# file:\n".join(text.decode() for _, text in files))
            raise
    assert good * 40 > tried or SECONDS, "too few of the files are good to tell anything about good files"
