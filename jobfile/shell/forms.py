"""Records the variables in an expansion of a shell script, and whether only bash has this form."""

import re
from typing import Final

from jobfile.model.regex import regex
from jobfile.shell.places import Evaluated, Notes, Part, Read, Word

_BASH_FORM: Final = regex(
    r"(?P<indirect>![A-Za-z_])|#?\w+(?:(?P<array>\[)|(?P<replace>/)|(?P<case>[\^,~])|(?P<change>@[A-Za-z])"
    r"|(?P<part>:(?![-=+?])))",
    re.ASCII,
)
"""The text after `${` in forms that only bash has."""
_FORMS: Final = {
    "indirect": "${!x}",
    "array": "${x[0]}",
    "replace": "${x/a/b}",
    "case": "${x^^}",
    "change": "${x@Q}",
    "part": "${x:1}",
}
_ARITHMETIC_NAME: Final = regex(
    r"(?<![\w$#{])([A-Za-z_]\w*)(?=(\s*(?:=(?!=)|\+\+|--|(?:[-+*/%&|^]|<<|>>)=))?)", re.ASCII
)
"""A variable in arithmetic, and the operator after it that assigns to it."""
_BASH_ARITHMETIC: Final = regex(
    r"\*\*|\b[A-Za-z_]\w*+\s*+(?:\+\+|--)(?!\s*[\w$(])|(?:\+\+|--)[A-Za-z_]|\b\d+#|,", re.ASCII
)
_BARE_NAME: Final = regex(r"(?<!\w)[A-Za-z_]\w*", re.ASCII)
"""A variable in arithmetic, without a dollar."""
_EXPANDED: Final = regex(r"\$\{?(\w+)", re.ASCII)
_EXPANSION: Final = regex(r"\$(?:\((?:[^()]|\([^()]*\))*\)|\{[^{}]*\}|\w+)", re.ASCII)
"""A simple expansion in arithmetic; its names are read elsewhere."""
_GUARDS: Final = ("-", "=", "+")


def note_expansion(notes: Notes, text: str, parameter: re.Match[str], *, limit: int) -> None:
    """Record what `${ … }` reads; `parameter` is the match of its name and the operator after it."""
    begin, name, operator = parameter.start() - 2, parameter[1], parameter[3]
    close = text.find("}", parameter.end(), limit)
    end = parameter.end() if close == -1 else close + 1
    if operator == "=":
        notes.given.add(name)
    notes.reads.append(Read(name, begin, end, is_guarded=operator in _GUARDS))
    form = _BASH_FORM.match(text, begin + 2, limit)
    if form:
        notes.bash.append(Part(_FORMS[form.lastgroup or ""], begin, end))


def note_arithmetic(notes: Notes, text: str, begin: int) -> None:
    """Record what this arithmetic reads and assigns; it begins at this offset of the script."""
    for name in _ARITHMETIC_NAME.finditer(text):
        if name[2] is not None:
            notes.given.add(name[1])
        notes.reads.append(Read(name[1], begin + name.start(1), begin + name.end(1), is_arithmetic=True))
    found = _BASH_ARITHMETIC.search(text)
    if found:
        notes.bash.append(Part("arithmetic", begin + found.start(), begin + found.end()))


def note_parameter(notes: Notes, word: Word, parameter: re.Match[str], begin: int) -> None:
    """Record the variable in `${ … }`, and whether bash evaluates its value again, as in `${!x}`."""
    name, after = parameter[1], parameter.string[parameter.end() : parameter.end() + 2]
    word.variables.append(name)
    if not parameter[0].startswith("#") and parameter[3] != "+":  # a length, or an alternative value
        word.spots.append((len(word.text) - 1, name))
    is_list = parameter[2] in ("[@]", "[*]") or after[:1] in ("*", "@")
    if (parameter[0].startswith("!") and not is_list) or after == "@P":
        notes.evaluated.append(Evaluated(Word(begin, spots=[(0, name)]), begin, "`${! }`"))
    word.may_vanish = word.may_vanish or name == "@" or parameter[2] == "[@]"


def expanded_names(text: str) -> list[str]:
    """The variables written with a dollar in a text."""
    return _EXPANDED.findall(text)


def read_since(word: Word, known: tuple[int, int], text: str, *, start: int) -> Word:
    """The expansions and commands read in a word since these counts, and the bare names in a text."""
    names = _BARE_NAME.findall(_EXPANSION.sub(" ", text))
    spots = [*word.spots[known[0] :], *((0, name) for name in names)]
    return Word(start, spots=spots, within=word.within[known[1] :])
