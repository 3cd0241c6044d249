"""Any bytes at all: nothing raises, every place lies in its file, good jobs come back as they were."""

import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.language.oracle import examine, split_files

HERE = Path(__file__).parent
SEEDS = [path.read_bytes() for path in sorted((HERE / "cases").glob("*/*.yaml"))]
SEEDS += [path.read_bytes() for path in sorted((HERE / "examples").rglob("*.yaml"))]
TOKENS = sorted({token for seed in SEEDS for token in re.findall(rb"[\w./:@-]{1,30}|[^\w\s]", seed)})
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(deadline=None, max_examples=150, suppress_health_check=SLOW)
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    examine([("jobs.yaml", content)])


@settings(deadline=None, max_examples=150, suppress_health_check=SLOW)
@given(st.lists(st.sampled_from([*TOKENS, b" ", b"\n", b"\n  ", b"\n    ", b": ", b"- "]), max_size=40))
def test_any_row_of_words(tokens: list[bytes]) -> None:
    examine([("jobs.yaml", b"".join(tokens))], mends=False)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A file that somebody wrote, with some of its lines and words gone, doubled, moved or replaced."""
    lines = draw(st.sampled_from(SEEDS)).split(b"\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["drop", "double", "indent", "swap", "word"]))
        if kind == "drop" and len(lines) > 1:
            del lines[at]
        elif kind == "double":
            lines.insert(at, lines[at])
        elif kind == "indent":
            lines[at] = draw(st.sampled_from([b"  ", b"\t", b" "])) + lines[at]
        elif kind == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            words = re.split(rb"(\W+)", lines[at])
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(TOKENS))
            lines[at] = b"".join(words)
    return b"\n".join(lines)


@settings(deadline=None, max_examples=400, suppress_health_check=SLOW)
@given(broken())
def test_files_that_somebody_broke(content: bytes) -> None:
    examine(split_files(content), mends=False)
