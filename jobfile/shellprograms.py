"""What is known of the programs that scripts call: which words of a command are commands, and which code.

The lists are those of the project's threat model, and no more than lists: what they do not name is not seen.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from jobfile.shellplaces import SLOT, Command, Word

_SHELL: Final = re.compile(r"[-+][A-Za-z]*c[A-Za-z]*")
_EXPRESSION: Final = re.compile(r"-[A-Za-z0-9]*[eE]")
_FAMILIES: Final = (
    (re.compile(r"(sh|bash|rbash|dash|[mok]?ksh|pdksh|zsh|ash|busybox|fish|t?csh)[0-9.-]*"), _SHELL),
    (re.compile(r"python[0-9.]*t?|pypy[0-9.]*"), re.compile(r"-[A-Za-z]*c.*")),
    (re.compile(r"(perl|ruby|lua|luajit)[0-9.]*"), _EXPRESSION),
    (re.compile(r"(node|nodejs|bun)[0-9.]*"), re.compile(r"-(e|p|pe|r)|--(eval|print|require)")),
    (re.compile(r"php[0-9.]*"), re.compile(r"-[rBREc]|--run")),
    (re.compile(r"[gmn]?awk|original-awk"), re.compile(r"-e|--source")),
)
"""Names of interpreters, and the options after which a program comes."""
_ANY_PROGRAM: Final = re.compile(r"-e|-[A-Za-z]*c|-[abefhklmnpuvx]*c[abefhklmnpuvx]*")
"""The options after which a program comes, of what may be any interpreter."""
_TAKES_PROGRAM: Final = frozenset({"flock", "script", "runuser", "sg", "expect", "pwsh"})
"""Programs with an option -c as that of a shell."""
_SHELL_ARGUMENT: Final = frozenset(
    {"-o", "+o", "-O", "+O", "--rcfile", "--init-file", "-W", "-X", "-I", "-d"}
)
"""Options of interpreters that take the next word."""
_WRAPPERS: Final[Mapping[str, int]] = dict.fromkeys(
    "nohup env exec command builtin time nice ionice setsid stdbuf sudo doas xargs strace ltrace unshare "  # noqa: SIM905  words
    "nsenter systemd-run chronic unbuffer setpriv fakeroot xvfb-run busybox firejail numactl".split(),
    0,
) | dict.fromkeys(["timeout", "flock", "chroot", "taskset", "chrt", "gosu", "su-exec"], 1)
"""Programs that run the command in their arguments, and how many operands come before it."""
_FIND_RUNS: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_ELSEWHERE: Final = frozenset(
    {"ssh", "docker", "podman", "kubectl", "oc", "nsenter", "lxc", "incus", "docker-compose", "vagrant"}
)
"""Programs that hand their standard input to a command somewhere in their arguments."""
_SSH_ARGUMENT: Final = frozenset("-" + letter for letter in "BbcDEeFIiJLlmOopQRSWw")
_STDIN_IS_CODE: Final = frozenset({"su", "at", "batch", "parallel", "crontab"})


def heads(words: Sequence[Word]) -> dict[int, bool]:
    """Which words may name the program that runs, through wrappers; and whether each certainly does."""
    found: dict[int, bool] = {}
    waiting = [(next((at for at, word in enumerate(words) if not word.is_assignment), len(words)), True)]
    while waiting:
        at, is_certain = waiting.pop()
        if at >= len(words) or at in found:
            continue
        found[at] = is_certain
        name = words[at].name
        if name == "find":
            runs = (position for position, word in enumerate(words) if word.text in _FIND_RUNS)
            waiting += ((position + 1, is_certain) for position in runs if position > at)
        elif name in _WRAPPERS or words[at].text.startswith("-"):  # `time -p` where time is a program
            waiting += ((position, is_certain and is_it) for position, is_it in _wrapped(words, at))
    return found


def _wrapped(words: Sequence[Word], at: int) -> Iterator[tuple[int, bool]]:
    """What the wrapper here may run: a word after an option may be its argument, or the command."""
    operands = _WRAPPERS.get(words[at].name, 0)
    is_after_option = False
    for position in range(at + 1, len(words)):
        word = words[position]
        if word.text.startswith("-"):
            if words[at].name == "command" and word.text in ("-v", "-V"):
                return
            is_after_option = word.text != "--"
        elif not word.is_assignment:
            is_it = not is_after_option and operands == 0
            yield position, is_it
            if is_it:
                return
            operands -= not is_after_option
            is_after_option = False


def program_option(word: Word) -> re.Pattern[str] | None:
    """The options after which a program comes, if this word names an interpreter."""
    name = word.name
    for names, option in _FAMILIES:
        if names.fullmatch(name):
            return option
    return None


def is_shell(word: Word) -> bool:
    """Whether this word names a shell."""
    return program_option(word) is _SHELL


def is_computed(word: Word) -> bool:
    """Whether the author did not write the whole of this word: it may be the name of any program."""
    return word.text[:1] in ("$", SLOT) or word.name[:1] in ("$", SLOT) or bool(set("*?[{") & set(word.name))


def programs(words: Sequence[Word], first: int, option: re.Pattern[str]) -> Iterator[Word]:
    """The words that the interpreter before `first` reads as code; what follows them are plain arguments."""
    is_after_option = False
    for position in range(first, len(words)):
        word = words[position]
        if word.text[:1] in ("-", "+") and word.text not in ("-", "--"):
            is_after_option = True
            if word.slots or word.inner:
                yield word  # it may be -c with its program
            if option.fullmatch(word.text):
                yield from _operand(words[position + 1 :], skips_options=option in (_SHELL, _ANY_PROGRAM))
                if option is not _EXPRESSION:
                    return
        elif is_after_option or is_computed(word):
            is_after_option = False
        else:
            return


def _operand(words: Sequence[Word], *, skips_options: bool) -> Iterator[Word]:
    """The program after -c: the next word, or the first one that is certainly neither option nor nothing."""
    is_argument = False
    for word in words:
        yield word
        if skips_options and word.text[:1] in ("-", "+"):
            is_argument = word.text[-1:] in ("o", "O")
        elif is_argument:
            is_argument = False
        elif not word.may_vanish or word.text.strip("$") != "":
            return


def all_programs(words: Sequence[Word], at_heads: Mapping[int, bool]) -> Iterator[tuple[str, Word]]:
    """Each word that an interpreter anywhere in the command reads as code, with the interpreter's name."""
    for position, word in enumerate(words):
        option = program_option(word)
        if option is None and position in at_heads:
            if word.name in _TAKES_PROGRAM:
                yield from ((word.name, one) for one in _after_option(words[position + 1 :], _SHELL))
                continue
            option = _ANY_PROGRAM if is_computed(word) else None
        if option is not None:
            yield from ((word.name, one) for one in programs(words, position + 1, option))


def _after_option(words: Sequence[Word], option: re.Pattern[str]) -> Iterator[Word]:
    for position, word in enumerate(words):
        if option.fullmatch(word.text):
            yield from words[position + 1 : position + 2]


def script_operand(words: Sequence[Word], at: int) -> Word | None:
    """The script that the interpreter at this position runs, if it runs one from a file."""
    option = program_option(words[at])
    is_argument = False
    for word in words[at + 1 :]:
        text = word.text
        if text[:1] in ("-", "+") and text != "--":
            if text in ("-", "-m") or (option is not None and option.match(text)):
                return None
            is_argument = text in _SHELL_ARGUMENT
        elif is_argument:
            is_argument = False
        elif text != "--":
            return word
    return None


def reads_code(command: Command, at_heads: Mapping[int, bool]) -> bool:
    """Whether what comes on the standard input of the command is a program to it."""
    words = command.words
    first = min(at_heads, default=0)
    is_elsewhere = any(words[at].name in _ELSEWHERE for at in at_heads)
    for position, word in enumerate(words):
        option = program_option(word)
        if option and (position in at_heads or is_elsewhere) and _is_without_script(words, position, option):
            return True
    for at in at_heads:
        name, after = words[at].name, words[at + 1 :]
        if name in _STDIN_IS_CODE or (name in (".", "source") and any(w.text == "/dev/stdin" for w in after)):
            return True
        if name in ("sudo", "doas") and at == first and any(w.text in ("-s", "-i") for w in after[:1]):
            return len(after) == 1
        if name == "ssh" and len(_ssh_operands(after)) == 1:
            return True
    return False


def _is_without_script(words: Sequence[Word], at: int, option: re.Pattern[str]) -> bool:
    if "awk" in words[at].name or words[at].name == "busybox":
        return False
    texts = [word.text for word in words[at + 1 :]]
    if option is _SHELL and any(re.fullmatch(r"-[A-Za-z]*s[A-Za-z]*", text) for text in texts):
        return True
    if any(option.match(text) or text == "-m" for text in texts[:6] if text[:1] == "-"):
        return False
    script = script_operand(words, at)
    return script is None or script.text in ("/dev/stdin", "-")


def _ssh_operands(words: Sequence[Word]) -> list[Word]:
    found: list[Word] = []
    is_argument = False
    for word in words:
        if is_argument:
            is_argument = False
        elif word.text.startswith("-") and not found:
            is_argument = word.text in _SSH_ARGUMENT
        else:
            found.append(word)
    return found
