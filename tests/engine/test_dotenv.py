"""Files of variables: values are only values, and a message never shows one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.dotenv import MAX_VARIABLES, NotReadError, Variable, parse_dotenv

NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not name.startswith(("JF_", "JOBFILE_", "LD_"))
)
VALUES = st.text(st.characters(exclude_characters="\0\r", exclude_categories=("Cs",)), max_size=30)


def read(text: str) -> dict[str, str]:
    return {one.name: one.value for one in parse_dotenv(text)}


def double(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.booleans(), st.sampled_from(["", "export "]))
def test_every_value_in_quotes_comes_back(given_values: dict[str, str], is_crlf: bool, before: str) -> None:
    lines = [f"{before}{name}={double(value)}  # why" for name, value in given_values.items()]
    assert read("\n".join(lines)) == given_values
    plain = {name: value for name, value in given_values.items() if "'" not in value}
    end = "\r\n" if is_crlf else "\n"
    if not is_crlf or not any("\n" in value for value in plain.values()):
        assert read(end.join(f"{name}='{value}'" for name, value in plain.items())) == plain


def read_or_refused(text: str) -> tuple[list[int], str]:
    """The lines of the variables, or of the mistake, and the message."""
    try:
        return [one.line for one in parse_dotenv(text)], ""
    except NotReadError as error:
        return [error.line], str(error)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_line_of_it(text: str) -> None:
    lines, _ = read_or_refused(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


@given(st.text("ab#'\"\\ =\n\t$x", max_size=60), st.from_regex(r"[a-f0-9]{20}", fullmatch=True))
def test_a_message_never_shows_a_value(noise: str, secret: str) -> None:
    texts = (f"{noise}A='{secret}", f"A={secret}\nB {secret}\n", f'A="{secret}" {secret}', noise + secret)
    for text in texts:
        assert secret not in read_or_refused(text)[1]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("# only\n\n   # comments\n", {}),
        ("A=b", {"A": "b"}),
        ("A=", {"A": ""}),
        ("A=b c  ", {"A": "b c"}),
        ("A=b # why", {"A": "b"}),
        ("A=#b", {"A": ""}),
        ("A=b#c", {"A": "b#c"}),
        ("  export   A=b", {"A": "b"}),
        ("export=b", {"export": "b"}),
        ("A=$HOME `id` $(id) ${X}", {"A": "$HOME `id` $(id) ${X}"}),
        ("A='$HOME \\n'", {"A": "$HOME \\n"}),
        ('A="a\\nb\\t\\"\\\\\\$x\\q"', {"A": 'a\nb\t"\\$x\\q'}),
        ("A='one\ntwo'\nB=c", {"A": "one\ntwo", "B": "c"}),
        ("A=it's", {"A": "it's"}),
        ("A=1\nA=2", {"A": "2"}),
        ("\ufeffA=b\r\nB=c\r\n", {"A": "b", "B": "c"}),
        ("A= b", {"A": "b"}),
    ],
)
def test_each_form_of_a_line(text: str, found: dict[str, str]) -> None:
    assert read(text) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("A", "line 1: expected NAME=value, without spaces before the ="),
        ("A=1\n\nB = 2", "line 3: expected NAME=value"),
        ("1A=b", "line 1: expected NAME=value"),
        ("A='x\ny\n", "line 1: the quote ' is never closed"),
        ('A=1\nB="x\\"', 'line 2: the quote " is never closed'),
        ("A='x' y", "line 1: only a comment may follow the closing quote"),
        ("A='x\n'\nB='x'y", "line 3: only a comment"),
        ("JOBFILE_X=1", "line 1: JOBFILE_X is reserved"),
        ("JF_0=1", "line 1: JF_0 is reserved"),
        ("LD_PRELOAD=x", "line 1: LD_PRELOAD decides what runs"),
        ("A=1\nBASH_ENV=x", "line 2: BASH_ENV decides what runs"),
        ("A=a\0b", "line 1: the value of A has a NUL character"),
    ],
)
def test_each_mistake_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(NotReadError) as caught:
        parse_dotenv(text)
    assert str(caught.value).startswith(why)


def test_at_most_a_thousand_variables_are_read() -> None:
    lines = [f"A{number}=x" for number in range(MAX_VARIABLES)]
    assert len(parse_dotenv("\n".join(lines))) == MAX_VARIABLES
    assert parse_dotenv("\n".join(lines))[-1] == Variable(f"A{MAX_VARIABLES - 1}", "x", MAX_VARIABLES)
    with pytest.raises(NotReadError, match="more than 1,000 variables"):
        parse_dotenv("\n".join([*lines, "B=x"]))


def test_long_lines_are_read_at_once() -> None:
    assert len(read(f"A={'x ' * 100_000}")["A"]) == 199_999
    assert len(read(f'A="{chr(92) * 100_000}"')["A"]) == 50_000
    with pytest.raises(NotReadError):
        read(" " * 100_000 + "!")
