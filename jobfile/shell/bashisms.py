"""Finds bash syntax in scripts for sh, and describes what sh does with it.

Measured with Debian's sh (dash); none of it is in POSIX. `tests/language/test_bashisms.py` tests each row
with the machine's sh.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.shell.places import Command, Part, Script, Word
from jobfile.shell.variables import ONLY_BASH, assigned_names, head_of


class Bashism(NamedTuple):
    """What sh does with a construct of bash, and how to write it for sh.

    With `is_refused`, sh cannot read the script at all, which JF420 reports; with `loses`, it ignores the
    result of a command.
    """

    sh_does: str
    instead: str = ""
    is_refused: bool = False
    loses: bool = False


_NOT_FOUND: Final = "sh looks for a program with this name; a condition with it is false"
_BAD: Final = "sh ends the script here: Bad substitution"
_LITERAL: Final = "sh does not expand this"

BASHISMS: Final[dict[str, Bashism]] = {
    "&>": Bashism(
        "sh starts the command in the background and ignores its result",
        "write  > FILE 2>&1  (or  >> FILE 2>&1)",
        loses=True,
    ),
    ">&": Bashism("sh expects a number here: Bad fd number", "write  > FILE 2>&1"),
    "|&": Bashism("", "write  2>&1 |", is_refused=True),
    "<<<": Bashism("", "write  printf '%s\\n' \"$x\" | command", is_refused=True),
    "<( )": Bashism("", "write to a file in $TMPDIR first", is_refused=True),
    ";&": Bashism("", "", is_refused=True),
    ";;&": Bashism("", "", is_refused=True),
    "for ((": Bashism("", "write  for i in $(seq 1 3)", is_refused=True),
    "array": Bashism("", 'write  set -- a b c  and use  "$@"', is_refused=True),
    "function": Bashism("", "write  name() { … }", is_refused=True),
    "select": Bashism("", "", is_refused=True),
    "coproc": Bashism(_NOT_FOUND),
    "((": Bashism(
        "sh reads this as commands in brackets, and `>` as a redirection to a file",
        'write  [ "$x" -gt 0 ]  or  x=$((x + 1))',
    ),
    "[[": Bashism(_NOT_FOUND, "write  [ … ]  with quotes around each variable"),
    "{fd}>": Bashism("sh passes this as an argument", "write a number from 3 to 9"),
    "10>": Bashism("sh allows one digit here, and passes this as an argument", "write a number from 3 to 9"),
    "{a,b}": Bashism(_LITERAL, "write the words one by one, or  $(seq 1 3)"),
    "[^": Bashism("sh reads `^` as one of the characters", "write  [!…]"),
    "$'": Bashism("sh keeps the `$` and the backslashes", "write  $(printf '…')"),
    '$"': Bashism("sh keeps the `$`", "remove the `$`"),
    "$[": Bashism(_LITERAL, "write  $((…))"),
    "$(<": Bashism("sh reads nothing here", "write  $(cat FILE)"),
    "${!x}": Bashism(_BAD, "choose with  case … in … esac"),
    "${x[0]}": Bashism(_BAD, 'write  set -- a b c  and use  "$1"'),
    "${x/a/b}": Bashism(_BAD, "write  $(printf '%s' \"$x\" | sed 's/a/b/')"),
    "${x^^}": Bashism(_BAD, "write  $(printf '%s' \"$x\" | tr '[:lower:]' '[:upper:]')"),
    "${x@Q}": Bashism(_BAD),
    "${x:1}": Bashism(_BAD, "write  $(printf '%s' \"$x\" | cut -c2-)"),
    "arithmetic": Bashism("sh has no `++`, `--`, `**` or `base#` in arithmetic", "write  x=$((x + 1))"),
    "command": Bashism(_NOT_FOUND),
    "source": Bashism(_NOT_FOUND, "write  . ./FILE"),
    "let": Bashism(_NOT_FOUND, "write  x=$((x + 1))"),
    "declare": Bashism(_NOT_FOUND, "write  x=VALUE"),
    "typeset": Bashism(_NOT_FOUND, "write  x=VALUE"),
    "pushd": Bashism(_NOT_FOUND, "write  (cd FOLDER && …)"),
    "builtin": Bashism(_NOT_FOUND, "write  command NAME"),
    "mapfile": Bashism(_NOT_FOUND, "write  while read -r line; do …; done"),
    "readarray": Bashism(_NOT_FOUND, "write  while read -r line; do …; done"),
    "a[0]=": Bashism(_NOT_FOUND, "write  a_0=VALUE"),
    "x+=": Bashism(_NOT_FOUND, 'write  x="$x…"'),
    "echo -e": Bashism("sh prints the option too", "write  printf 'a\\tb\\n'"),
    "printf": Bashism("sh ends the script here: invalid directive or option"),
    "set": Bashism("sh ends the script here: Illegal option"),
    "pipefail": Bashism(
        "sh ends the script here: Illegal option -o pipefail",
        "jobfile starts bash with -euo pipefail, and sh with -eu",
    ),
    "read": Bashism("sh ends the script here: Illegal option"),
    "read x": Bashism("sh needs the name of a variable: arg count", "write  read -r REPLY"),
    "local": Bashism("sh ends the script here: bad variable name", "write  local x"),
    "option": Bashism("sh ends the script here, or reads the option as a name"),
    "trap": Bashism("sh does not know this signal: bad trap", "write the name without SIG; sh has no ERR"),
    "kill": Bashism("sh knows signal names only without SIG", "write  kill -s TERM"),
    "==": Bashism("sh does not know this operator; a condition with it is false", "write  ="),
    "-v": Bashism("sh does not know this test; a condition with it is false", 'write  [ -n "${x+x}" ]'),
    "test": Bashism("sh does not know this test; a condition with it is false"),
    "exit": Bashism("sh ends the script here: Illegal number", "write  exit 1"),
    "variable": Bashism("sh does not set this variable"),
    "arithmetic variable": Bashism("sh does not set this variable, and uses 0"),
}
"""Each construct by its name."""

_COMMANDS: Final = frozenset(
    "shopt popd dirs caller disown enable compgen complete compopt bind logout suspend history help".split()  # noqa: SIM905  words
)
"""Bash commands without a row of their own."""
_BUILTINS: Final = frozenset("source let declare typeset pushd builtin mapfile readarray".split())  # noqa: SIM905  words
COMMANDS: Final = _COMMANDS | _BUILTINS
"""Commands that only bash has."""
_SH_OPTIONS: Final = frozenset("aefnuxvmbCIVE")
_SH_OPTION_NAMES: Final = frozenset(
    "allexport emacs errexit ignoreeof interactive monitor noclobber noexec noglob nolog notify nounset "  # noqa: SIM905  words
    "stdin verbose vi xtrace debug".split()
)
_OPTIONS: Final = {
    "export": "fn",
    "readonly": "aAf",
    "unset": "n",
    "wait": "npf",
    "exec": "acl",
    "hash": "dlpt",
    "type": "afptP",
}
"""Options that only bash has, of commands that both shells have."""
_SIGNALS: Final = regex(r"ERR|DEBUG|RETURN|SIG[A-Z0-9]+")
_UNARY: Final = frozenset({"-N", "-R", "-o", "-a"})
_FORMAT: Final = regex(r"(?<!%)(?:%%)*%[-+ #0-9.*]*(?:q|Q|\()")
_BY_ITSELF: Final = regex(r"[A-Za-z_]\w*(?P<array>\[.*\])?(?P<more>\+)?=", re.ASCII | re.DOTALL)


def find_bashisms(script: Script, given: Collection[str] = ()) -> list[Part]:
    """All parts of a script that sh reads differently from bash, in order and not nested.

    `given` are the variables passed to the script.
    """
    found = [*script.notes.bash]
    for command in script.commands:
        found += _of_command(command, script.notes.functions)
    found += _variables(script, given)
    ordered: list[Part] = []
    for part in sorted(set(found), key=lambda one: (one.start, -one.end, "variable" not in one.what)):
        if not ordered or part.start >= ordered[-1].end:
            ordered.append(part)
    return ordered


def _variables(script: Script, given: Collection[str]) -> Iterator[Part]:
    guarded = {one.name for one in script.notes.reads if one.is_guarded}
    known = {*given, *assigned_names(script), *guarded}
    for name, start, end, _, is_arithmetic in script.notes.reads:
        if name in ONLY_BASH and name not in known:
            yield Part("arithmetic variable" if is_arithmetic else "variable", start, end)


def _of_command(command: Command, functions: set[str]) -> Iterator[Part]:
    words = command.words
    first = words[0]
    if first.is_assignment and len(words) >= 1:
        yield from _assignments(words)
    head = head_of(command)
    if head is None or head.text in functions:
        return
    name, after = head.text, words[words.index(head) + 1 :]
    if head.text == "[[" and head.is_plain:
        yield Part("[[", head.start, head.end)
    elif name in _COMMANDS:
        yield Part("command", head.start, head.end)
    elif name in BASHISMS and name in _BUILTINS:
        yield Part(name, head.start, head.end)
    elif name in _RULES:
        yield from _RULES[name](head, after)
    elif name in _OPTIONS:
        yield from _options(after, _OPTIONS[name])


def _assignments(words: Sequence[Word]) -> Iterator[Part]:
    for word in words:
        match = _BY_ITSELF.match(word.bare)
        if match is None:
            return
        if match["array"] and not word.text.endswith(")"):
            yield Part("a[0]=", word.start, word.end)
        elif match["more"] and "(" not in word.text:
            yield Part("x+=", word.start, word.end)


def _options(after: Sequence[Word], letters: str) -> Iterator[Part]:
    for word in after:
        if not word.text.startswith("-") or word.text in ("-", "--"):
            return
        if set(word.text[1:]) & set(letters):
            yield Part("option", word.start, word.end)


def _echo(head: Word, after: Sequence[Word]) -> Iterator[Part]:
    first = after[0] if after else None
    if first is not None and re.fullmatch(r"-n*[eE][neE]*", first.text):
        yield Part("echo -e", head.start, first.end)


def _printf(_: Word, after: Sequence[Word]) -> Iterator[Part]:
    first = next((word for word in after if word.text != "--"), None)
    if first is not None and (first.text.startswith("-v") or _FORMAT.search(first.text)):
        yield Part("printf", first.start, first.end)


def _set(_: Word, after: Sequence[Word]) -> Iterator[Part]:
    waits = False
    for word in after:
        text = word.text
        if waits:
            waits = False
            if text not in _SH_OPTION_NAMES and word.is_plain:
                yield Part("pipefail" if text == "pipefail" else "set", word.start, word.end)
        elif text[:1] not in ("-", "+") or text in ("-", "+", "--"):
            return
        else:
            waits = "o" in text
            if set(text[1:]) - _SH_OPTIONS - {"o"} and word.is_plain:
                yield Part("set", word.start, word.end)


def _read(head: Word, after: Sequence[Word]) -> Iterator[Part]:
    at = 0
    while at < len(after) and after[at].text.startswith("-") and after[at].text != "--":
        word = after[at]
        if set(word.text[1:]) & set("adeinNstu"):
            yield Part("read", word.start, word.end)
            return
        at += 2 if word.text.endswith("p") else 1
    if at >= len(after):
        yield Part("read x", head.start, head.end)


def _local(_: Word, after: Sequence[Word]) -> Iterator[Part]:
    for word in after:
        if word.text.startswith("-") and len(word.text) > 1:
            yield Part("local", word.start, word.end)
            return


def _trap(_: Word, after: Sequence[Word]) -> Iterator[Part]:
    for word in after[1:]:
        if _SIGNALS.fullmatch(word.text):
            yield Part("trap", word.start, word.end)


def _kill(_: Word, after: Sequence[Word]) -> Iterator[Part]:
    for at, word in enumerate(after):
        is_named = at > 0 and after[at - 1].text == "-s" and word.text.startswith("SIG")
        if is_named or word.text.startswith("-SIG"):
            yield Part("kill", word.start, word.end)


def _test(_: Word, after: Sequence[Word]) -> Iterator[Part]:
    words = list(after)
    for at, word in enumerate(words):
        if word.text in ("==", "=~") and at > 0:
            yield Part("==", word.start, word.end)
        elif word.text == "-v" and (at == 0 or words[at - 1].text in ("!", "-a", "-o", "(")):
            yield Part("-v", word.start, word.end)
    operands = [word for word in words if word.text not in ("!", "]")]
    if len(operands) == 2 and operands[0].text in _UNARY and operands[0].is_plain:
        yield Part("test", operands[0].start, operands[0].end)


def _exit(_: Word, after: Sequence[Word]) -> Iterator[Part]:
    for word in after[:1]:
        if re.fullmatch(r"-\d+", word.text):
            yield Part("exit", word.start, word.end)


_RULES: Final = {
    "echo": _echo,
    "printf": _printf,
    "set": _set,
    "read": _read,
    "local": _local,
    "trap": _trap,
    "kill": _kill,
    "[": _test,
    "test": _test,
    "exit": _exit,
    "return": _exit,
}
