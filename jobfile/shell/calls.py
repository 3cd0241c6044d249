"""Commands with some arguments that are code: finds these words for `ssh`, `su` and `.`."""

from collections.abc import Iterator, Sequence
from typing import Final

from jobfile.shell.places import SLOT, Word

_SSH_TAKES: Final = frozenset("BbcDEeFIiJLlmOopQRSWw")
"""Option letters of ssh(1) that take an argument."""
_SSH_CODE: Final = frozenset("oFIJ")
"""Options whose argument can name a command or a library: -J becomes part of a ProxyCommand."""
_SU_TAKES: Final = frozenset("csgGw")
_SU_ALONE: Final = frozenset({"--login", "--preserve-environment", "--fast", "--pty"})
_SU_HARMLESS: Final = _SU_ALONE | {"--group", "--supp-group", "--whitelist-environment"}

AS_INPUT: Final = "pass it on standard input:  printf '%s' {{ x }} | ssh host 'x=$(cat); …'"
_AFTER_DASHES: Final = "write  --  before it:  ssh -- {{ host }}"
_AFTER_USER: Final = "put the user first:  ssh user@{{ host }}"
_IN_FILE: Final = "set it in ~/.ssh/config"
_CHOICE: Final = "choose between fixed words with  case … in … esac"

Part = tuple[str, Word, tuple[str, ...]]
"""What runs a word as code, the word, and what to do instead."""


def begins_free(word: Word) -> bool:
    """Whether the word begins with a value or variable: it can be any option."""
    return word.text[:1] in (SLOT, "$")


def ssh_code(words: Sequence[Word]) -> Iterator[Part]:
    """The words that ssh or the remote shell runs as commands: all but the host and harmless options."""
    takes, has_host, is_over = "", False, False
    for at, word in enumerate(words):
        if takes:
            if takes in _SSH_CODE:
                yield f"ssh -{takes}", word, (_IN_FILE, _CHOICE)
            takes = ""
        elif word.text == "--" and not is_over:
            is_over = True
        elif word.text[:1] == "-" and not is_over:
            is_code, takes = _cluster(word.text[1:], _SSH_TAKES, _SSH_CODE)
            if is_code:
                yield "an option of ssh", word, (_IN_FILE, _CHOICE)
        elif not has_host:
            has_host = True
            if word.may_vanish or (begins_free(word) and not is_over):
                yield "ssh -oProxyCommand=…", word, (_AFTER_DASHES, _AFTER_USER)
        else:
            yield from (("ssh", one, (AS_INPUT,)) for one in words[at:])
            return


def su_code(words: Sequence[Word], ways: tuple[str, ...]) -> Iterator[Part]:
    """The words that su or the shell it starts runs as commands. Options may also follow the user."""
    takes, operands, is_over = "", 0, False
    for word in words:
        is_code = takes in ("c", "s")
        if takes:
            takes = ""
        elif word.text == "--" and not is_over:
            is_over = True
        elif word.text[:1] == "-" and word.text != "-" and not is_over:
            is_code, takes = _su_option(word.text)
        elif word.text != "-":
            operands += 1
            is_code = operands > 1 or word.may_vanish or (begins_free(word) and not is_over)
        if is_code:
            yield "su", word, ways


def _su_option(text: str) -> tuple[bool, str]:
    if not text.startswith("--"):
        return _cluster(text[1:], _SU_TAKES, frozenset("cs"))
    name, equals, _ = text.partition("=")
    is_code = name not in _SU_HARMLESS
    return is_code, "" if equals or name in _SU_ALONE else "c" if is_code else "g"


def _cluster(letters: str, takes: frozenset[str], code: frozenset[str]) -> tuple[bool, str]:
    """Whether option letters take an argument that is code, and the letter that takes the next word."""
    for at, letter in enumerate(letters):
        if letter in (SLOT, "$"):
            return True, ""
        if letter in takes:
            is_last = at == len(letters) - 1
            return not is_last and letter in code, letter if is_last else ""
    return False, ""


def sourced(words: Sequence[Word]) -> Word | None:
    """The file that `.` or `source` reads; the words after it are plain arguments."""
    rest = [*words]
    while rest and rest[0].text[:1] == "-" and rest[0].text != "-":
        takes_path = rest[0].text == "-p"
        is_over = rest.pop(0).text == "--"
        del rest[: 1 if takes_path else 0]
        if is_over:
            break
    return rest[0] if rest else None
