"""What is masked of a secret: against a plain search at every place, and in the forms that programs write."""

import base64
import json
import time
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.supervisor.masking import BASE64_COLUMNS, MASK, MIN_LINE_BYTES, Masker, forms

MOST_SECONDS_A_MB = 1.0
"""Generous, for a machine that is busy with other tests; `make bench` measures what is promised."""
_KEY = base64.encodebytes(bytes((at * 193 + at // 7) % 256 for at in range(1200))).decode()
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{_KEY}-----END RSA PRIVATE KEY-----\n"
ACCOUNT = json.dumps(
    {"type": "service", "private_key": PEM, "ids": [7, {"token": "t0k/en&value"}], "short": "abc"}, indent=2
)


def masked(parts: list[bytes], secrets: list[str]) -> bytes:
    """What is stored of an output that arrives in these parts."""
    masker = Masker(secrets)
    return b"".join([*(masker.feed(part) for part in parts), masker.rest()])


def searched(text: bytes, secrets: list[str]) -> bytes:
    """The same, by looking for each form at each place."""
    found = sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True)
    out, at = b"", 0
    while at < len(text):
        form = next((form for form in found if text.startswith(form, at)), b"")
        out += MASK if form else text[at : at + 1]
        at += len(form) or 1
    return out


secrets_ = st.lists(st.text("ab{\n", min_size=1, max_size=24), min_size=1, max_size=3)


@st.composite
def outputs(draw: st.DrawFn) -> tuple[list[str], list[bytes]]:
    """Secrets, and an output of parts of their forms, which overlap and contain each other."""
    secrets = draw(secrets_)
    found = sorted({form for secret in secrets for form in forms(secret)}) or [b"x"]
    part = st.builds(
        lambda form, first, last: form[first : len(form) - last],
        st.sampled_from(found),
        st.integers(0, 5),
        st.integers(0, 5),
    )
    whole = st.sampled_from(found)
    return secrets, draw(st.lists(st.one_of(whole, part, st.sampled_from([b"a", b"b", b"-"])), max_size=12))


@given(outputs())
@example((["{\nAAAABBBB\n}\n"], [b"{\nAAAABBBB", b"\n}\n"]))
@example((["aba", "zzzzzaba"], [b"zzzzzababa"]))
def test_what_is_masked_is_what_a_search_at_every_place_finds(case: tuple[list[str], list[bytes]]) -> None:
    secrets, parts = case
    text = b"".join(parts)
    wanted = searched(text, secrets)
    assert masked([text], secrets) == wanted
    assert masked(parts, secrets) == wanted
    assert masked([bytes([one]) for one in text], secrets) == wanted


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(json.dumps("t0k/en&'\"")[1:-1].replace("/", "\\/"), id="JSON of PHP"),
        pytest.param(quote("t0k/en&'\"", safe="").replace("%2F", "%2f").replace("%26", "%26"), id="small"),
        pytest.param(repr("t0k/en&'\"")[1:-1], id="repr of Python"),
        pytest.param(repr(b"t0k/en&'\"")[2:-1], id="repr of bytes"),
    ],
)
def test_forms_that_programs_write_by_accident_are_masked(form: str) -> None:
    assert masked([f"<{form}>".encode()], ["t0k/en&'\""]) == b"<" + MASK + b">"


def test_a_percent_code_with_small_letters_is_masked() -> None:
    assert masked([quote("p/q:r?s t", safe="").lower().encode()], ["p/q:r?s t"]) == MASK


@pytest.mark.parametrize("columns", BASE64_COLUMNS)
def test_base64_in_lines_is_masked(columns: int) -> None:
    whole = base64.b64encode(PEM.encode())
    lines = [whole[at : at + columns] for at in range(0, len(whole), columns)]
    stored = masked([b"\n".join(lines)], [PEM])
    assert stored.count(MASK) >= len(lines) - 1
    assert not any(line in stored for line in lines if len(line) >= MIN_LINE_BYTES + 2)


def test_base64_is_masked_from_eight_characters_on() -> None:
    """Shorter ones would mask too much of other texts."""
    for secret, is_masked in (("abcdef", True), ("abcde", False)):
        encoded = base64.b64encode(secret.encode()).rstrip(b"=")
        assert (masked([b"<" + encoded + b">"], [secret]) == b"<" + MASK + b">") is is_masked


def test_the_texts_in_a_secret_that_is_json_are_masked() -> None:
    for shown in ("t0k/en&value", PEM, PEM.splitlines()[3], quote("t0k/en&value", safe="")):
        assert MASK in masked([shown.encode()], [ACCOUNT])
        assert shown.encode() not in masked([shown.encode()], [ACCOUNT])
    assert masked([b"abc 7"], [ACCOUNT]) == b"abc 7"


@pytest.mark.parametrize("secret", ["[" * 100_000, '{"a": ', "[1, 2", "{}", '{"a": NaN}', "[]]"])
def test_a_secret_that_only_looks_like_json_is_a_text(secret: str) -> None:
    assert len(secret) < MIN_LINE_BYTES or masked([secret.encode()], [secret]) == MASK


@pytest.mark.parametrize("secret", [PEM, "0123456789abcdef" * 512, "\n".join(PEM.split() * 4)])
@pytest.mark.parametrize(
    "line", [b"a line of output, as most are: 127.0.0.1\n", b"-" * 79 + b"\n", b"QUFB" * 20]
)
def test_a_long_secret_does_not_slow_its_job_down(secret: str, line: bytes) -> None:
    masker, text = Masker([secret]), line * (65_536 // len(line))
    begun = time.process_time()
    for _ in range(8):
        masker.feed(text)
    assert time.process_time() - begun < MOST_SECONDS_A_MB / 2
