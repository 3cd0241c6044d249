"""Finds the variables that a shell script reads, and those that it sets itself."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final

from jobfile.model.regex import regex
from jobfile.shell.places import SLOT, Command, Read, Script, Word

ONLY_BASH: Final = frozenset(
    "BASH BASHOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND "  # noqa: SIM905 words
    "BASH_EXECUTION_STRING BASH_LINENO BASH_REMATCH BASH_SOURCE BASH_SUBSHELL BASH_VERSINFO "
    "BASH_VERSION COPROC DIRSTACK EPOCHREALTIME EPOCHSECONDS EUID FUNCNAME GROUPS "
    "HOSTTYPE LINENO MACHTYPE MAPFILE OSTYPE PIPESTATUS RANDOM REPLY SECONDS SHELLOPTS "
    "SRANDOM UID".split()
)
"""Variables set by bash but not by sh."""
BY_SH: Final = frozenset({"PPID", "PWD", "OLDPWD", "IFS", "OPTIND", "OPTARG", "PS1", "PS2", "PS4", "_"})
"""Variables set by every shell."""
_BY_BASH: Final = frozenset(
    {"HOSTNAME", "SHLVL", "SHELL", "TERM", "COLUMNS", "LINES", "OPTERR", "PS0", "HISTCMD", "MAILCHECK"}
)
"""Variables set by bash that are also often in the environment."""
_ALL_BASH: Final = regex(r"(?:BASH|COMP|HIST|READLINE)_?[A-Z_]*")
_IDENTIFIER: Final = regex(r"[A-Za-z_]\w*", re.ASCII)
_OWN: Final = regex(r"JF_\d+", re.ASCII)
"""The variables that jobfile puts into a script for templates."""
_GIVERS: Final = frozenset(
    "read getopts export local readonly declare typeset mapfile readarray printf wait".split()  # noqa: SIM905  words
)
"""Commands whose operands name variables that they set or declare."""
_OPENERS: Final = frozenset({"eval", ".", "source"})
"""Commands after which any variable could have a value."""

_READS_ARRAY: Final = frozenset({"mapfile", "readarray"})
_DECLARES: Final = frozenset({"declare", "typeset", "local", "readonly", "export", "read"})
_ARRAY_OPTION: Final = regex(r"[-+][b-zB-Z]*[aA][A-Za-z]*")


def unknown_variables(
    script: Script, *, given: Collection[str], dialect: str, has_nounset: bool
) -> Iterator[Read]:
    """The first use of each variable that is not in `given` and is set by neither the shell nor the script.

    A use is not reported if the script handles a missing value, or could get a value in a way that cannot be
    seen.
    """
    if script.lost or script.broken or any(map(_may_give_anything, script.commands)):
        return
    known = {*given, *assigned_names(script), *(one.name for one in script.notes.reads if one.is_guarded)}
    known |= _tested(script, has_nounset=has_nounset)
    for one in sorted(script.notes.reads, key=lambda read: read.start):
        if one.name not in known and _IDENTIFIER.fullmatch(one.name) and not _sets(dialect, one.name):
            known.add(one.name)
            yield one


def _sets(dialect: str, name: str) -> bool:
    """Whether the shell itself sets this variable, or another rule reports it."""
    if name in BY_SH or name in ONLY_BASH or _OWN.fullmatch(name):
        return True
    return dialect == "bash" and (name in _BY_BASH or _ALL_BASH.fullmatch(name) is not None)


def is_set_by_bash(name: str) -> bool:
    """Whether bash would set this variable."""
    return name in _BY_BASH


def assigned_names(script: Script) -> set[str]:
    """The variables that a script sets: by `name=`, in a loop, by `read` and similar commands."""
    found = set(script.notes.given)
    for command in script.commands:
        words = [word.text for word in command.words]
        found |= {text.partition("=")[0].partition("[")[0].rstrip("+") for text in words if "=" in text}
        head = head_of(command)
        if head is not None:
            found |= _given_by(head.text, command.words[command.words.index(head) + 1 :])
    return found


def _given_by(name: str, operands: list[Word]) -> set[str]:
    named = {word.text for word in operands if _IDENTIFIER.fullmatch(word.text)}
    found = named if name in _GIVERS else set()
    if name == "getopts":
        found |= {"OPTARG", "OPTIND"}
    elif name == "read" and not named:
        found |= {"REPLY"}
    elif name == "let":
        found |= {one for word in operands for one in _IDENTIFIER.findall(word.text)}
    return found


def head_of(command: Command) -> Word | None:
    """The word that names the program; `command` and assignments before it are skipped."""
    for word in command.words:
        if not word.is_assignment and word.text != "command":
            return word
    return None


def _may_give_anything(command: Command) -> bool:
    head = head_of(command)
    if head is None:
        return False
    if head.text in _OPENERS:
        return True
    names = (word.text.partition("=")[0] for word in command.words)
    return head.text in _GIVERS - {"printf"} and any({"$", SLOT} & set(name) for name in names)


def _tested(script: Script, *, has_nounset: bool) -> set[str]:
    """The variables that the script tests for a value."""
    found: set[str] = set()
    for command in script.commands:
        if command.words[0].text in ("[", "[[", "test"):
            for before, word in zip(command.words, command.words[1:], strict=False):
                if before.text == "-v":
                    found.add(word.text)
                elif before.text in ("-n", "-z") and not has_nounset:
                    found |= set(word.variables)
    if not has_nounset:
        return found
    is_off = any(_switches_nounset_off(command) for command in script.commands)
    return found | _tested(script, has_nounset=False) if is_off else found


def _switches_nounset_off(command: Command) -> bool:
    texts = [word.text for word in command.words]
    return texts[0] == "set" and any(re.fullmatch(r"\+[a-tv-z]*u[a-z]*", text) for text in texts[1:])


def array_names(script: Script) -> frozenset[str]:
    """The variables that are arrays in bash, or that a command of the script can make an array."""
    found = set(ONLY_BASH)
    found |= {read.name for read in script.notes.reads if read.is_arithmetic}
    for command in script.commands:
        texts = [word.text for word in command.words]
        found |= {text.partition("[")[0] for text in texts if "[" in text}
        found |= {text.partition("=")[0].rstrip("+") for text in texts if "=(" in text}
        reads = _READS_ARRAY.intersection(texts)
        if reads or (_DECLARES.intersection(texts) and any(map(_ARRAY_OPTION.fullmatch, texts))):
            found |= {text.partition("=")[0] for text in texts}
    return frozenset(found)


def alternatives(script: Script, commands: Iterable[Command]) -> Iterator[Command]:
    """The commands; one that begins with `$NAME` occurs once for each fixed text assigned to NAME."""
    texts: dict[str, set[str]] | None = None
    for command in commands:
        at = next((at for at, word in enumerate(command.words) if not word.is_assignment), -1)
        word = command.words[at]
        if at == -1 or word.text != "$" or len(word.variables) != 1:
            yield command
            continue
        texts = _fixed_values(script) if texts is None else texts
        found = texts.get(word.variables[0])
        if not found:
            yield command
        for text in sorted(found or ()):
            named = [Word(word.start, one, end=word.end) for one in text.split()]
            words = [*command.words[:at], *named, *command.words[at + 1 :]]
            if words:
                yield replace(command, words=words)


def _fixed_values(script: Script) -> dict[str, set[str]]:
    """The texts of each variable that is only assigned fixed texts."""
    found: dict[str, set[str]] = {}
    other = set(script.notes.given)
    for command in script.commands:
        head = head_of(command)
        if head is not None and head.text in _GIVERS - {"export", "local", "readonly", "declare", "typeset"}:
            other |= _given_by(head.text, command.words[command.words.index(head) + 1 :])
        for word in command.words:
            if word.is_assignment:
                name, _, text = word.text.partition("=")
                items = text[1:-1] if text[:1] == "(" else text
                found.setdefault(name.partition("[")[0].rstrip("+"), set()).add(items)
                if name[-1:] in ("+", "]") or word.slots or word.spots or word.within or "$" in word.text:
                    other.add(name.partition("[")[0].rstrip("+"))
    return {name: texts for name, texts in found.items() if name not in other}
