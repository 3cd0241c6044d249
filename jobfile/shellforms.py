"""Notes about an expansion of a shell script: the variables in it, and whether only bash has this form."""

import re
from typing import Final

from jobfile.shellplaces import Notes, Part, Read

_BASH_FORM: Final = re.compile(
    r"(?P<indirect>![A-Za-z_])|#?\w+(?:(?P<array>\[)|(?P<replace>/)|(?P<case>[\^,~])|(?P<change>@[A-Za-z])"
    r"|(?P<part>:(?![-=+?])))",
    re.ASCII,
)
"""What follows `${` in the forms that only bash has."""
_FORMS: Final = {
    "indirect": "${!x}",
    "array": "${x[0]}",
    "replace": "${x/a/b}",
    "case": "${x^^}",
    "change": "${x@Q}",
    "part": "${x:1}",
}
_ARITHMETIC_NAME: Final = re.compile(
    r"(?<![\w$#{])([A-Za-z_]\w*)(?=(\s*(?:=(?!=)|\+\+|--|(?:[-+*/%&|^]|<<|>>)=))?)", re.ASCII
)
"""A variable in arithmetic, and the operator after it that gives it a value."""
_BASH_ARITHMETIC: Final = re.compile(
    r"\*\*|[A-Za-z_]\w*\s*(?:\+\+|--)(?!\s*[\w$(])|(?:\+\+|--)[A-Za-z_]|\b\d+#|,", re.ASCII
)
_GUARDS: Final = ("-", "=", "+")


def note_expansion(notes: Notes, text: str, parameter: re.Match[str], *, limit: int) -> None:
    """Note what `${ … }` reads; `parameter` is the match of its name and of the operator after it."""
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
    """Note what this arithmetic reads and what it gives a value; it begins at this offset of the script."""
    for name in _ARITHMETIC_NAME.finditer(text):
        if name[2] is not None:
            notes.given.add(name[1])
        notes.reads.append(Read(name[1], begin + name.start(1), begin + name.end(1), is_arithmetic=True))
    found = _BASH_ARITHMETIC.search(text)
    if found:
        notes.bash.append(Part("arithmetic", begin + found.start(), begin + found.end()))
