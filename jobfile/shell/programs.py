"""Programs that scripts call: which words of a command are commands, and which are code.

The lists come from the project's threat model and are not complete: other programs are not checked.

To add a program: a command that runs the command in its arguments goes into `_WRAPPERS`, with the number of
operands before that command. One with an option or subcommand followed by code goes into `_CODE_AFTER`.
One that runs its standard input goes into `_STDIN_IS_CODE`. An interpreter whose first operand is a
script goes into `_FAMILIES`, with a pattern of its options for code. Each row also needs a line in `REFUSED`
in tests/language.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal

from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.shell.places import SLOT, Command, Word

Dialect = Literal["sh", "bash"]
_SHELL: Final = regex(r"[-+][abd-zA-Z]*c[A-Za-z]*")
_EXPRESSION: Final = regex(r"-[A-Za-z0-9]*[eE]")
MAX_HEADS: Final = 100
"""Maximum wrappers of one command that are followed; above it, any word can be a command."""
_FAMILIES: Final = (
    (regex(r"(sh|bash|rbash|dash|[mok]?ksh|pdksh|zsh|ash|busybox|fish|t?csh)[0-9.-]*"), _SHELL),
    (regex(r"python[0-9.]*t?|pypy[0-9.]*"), regex(r"-[A-Za-z]*c.*")),
    (regex(r"(perl|ruby|lua|luajit)[0-9.]*"), _EXPRESSION),
    (regex(r"(node|nodejs|bun)[0-9.]*"), regex(r"-(e|p|pe|r)|--(eval|print|require)")),
    (regex(r"php[0-9.]*"), regex(r"-[rBREc]|--run")),
    (regex(r"[gmn]?awk|original-awk"), regex(r"-e|--source")),
)
"""Names of interpreters, and their options that are followed by code."""
_ANY_PROGRAM: Final = regex(r"-e|-[A-Za-z]*c|-[abefhklmnpuvx]*c[abefhklmnpuvx]*")
"""The options followed by code, for a word that can be any interpreter."""
_TAKES_PROGRAM: Final = frozenset({"flock", "script", "runuser", "sg", "expect"})
"""Programs with an option -c like that of a shell."""
_SHELL_ARGUMENT: Final = frozenset(
    {"-o", "+o", "-O", "+O", "--rcfile", "--init-file", "-W", "-X", "-I", "-d"}
)
"""Options of interpreters that take the next word."""
_WRAPPERS: Final[Mapping[str, int]] = dict.fromkeys(
    "nohup env exec command builtin time nice ionice setsid stdbuf sudo doas xargs strace ltrace unshare "  # noqa: SIM905  words
    "nsenter systemd-run chronic unbuffer setpriv fakeroot xvfb-run busybox firejail numactl "
    "sshpass proxychains proxychains4 torify torsocks tsocks pkexec run0 eatmydata prlimit cpulimit "
    "caffeinate valgrind dumb-init tini coproc".split(),
    0,
) | dict.fromkeys(
    "timeout flock chroot taskset chrt gosu su-exec s6-setuidgid setuidgid envdir".split(),  # noqa: SIM905  words
    1,
)
"""Programs that run the command in their arguments, and the number of operands before it."""
_CODE_AFTER: Final[Mapping[str, tuple[str, ...]]] = {
    "ansible": ("-a", "--args"),
    "deno": ("eval",),
    "elixir": ("-e", "--eval"),
    "emacs": ("--eval", "--execute"),
    "gcloud": ("--command",),
    "gdb": ("-ex", "-eval-command", "--eval-command", "-iex", "-init-eval-command", "--init-eval-command"),
    "git": ("-x", "--exec", "foreach", "--upload-pack", "--receive-pack", "--tree-filter", "--env-filter"),
    "groovy": ("-e",),
    "julia": ("-e", "-E", "--eval", "--print"),
    "lldb": ("-o", "-O", "--one-line", "--one-line-before-file"),
    "make": ("--eval",),
    "npm": ("-c", "--call"),
    "npx": ("-c", "--call"),
    "osascript": ("-e",),
    "pnpm": ("-c", "--shell-mode"),
    "pwsh": ("-Command", "-command", "-c", "-EncodedCommand", "-e", "-ec"),
    "R": ("-e",),
    "rclone": ("--password-command",),
    "restic": ("--password-command",),
    "Rscript": ("-e",),
    "rsync": ("-e", "--rsh", "--rsync-path"),
    "scp": ("-S", "-o"),
    "screen": ("-X",),
    "sftp": ("-S", "-o"),
    "sqlite3": ("-cmd",),
    "tar": (
        *("-I", "--use-compress-program", "--to-command", "--checkpoint-action", "-F", "--info-script"),
        *("--new-volume-script", "--rsh-command", "--rmt-command"),
    ),
    "tmux": (
        *("new-session", "new", "new-window", "neww", "split-window", "splitw", "respawn-pane"),
        *("run-shell", "run", "if-shell", "send-keys", "send", "pipe-pane", "respawn-window"),
    ),
    "vim": ("-c", "--cmd", "-S"),
    "zip": ("-TT", "--unzip-command"),
}
"""Programs, and their options or subcommands that are followed by code: after an option, the next word or the
rest of the same word; after a subcommand, all words that follow."""
_MAKES: Final = frozenset({"make", "gmake"})
_REMOTE: Final = frozenset({"eval", "ssh", "su"})
"""Commands that are looked for after an unknown program, which could run them."""
_ORDINARY: Final = frozenset(
    "[ adduser ansible apk apt apt-get aws awk basename borg brew cat cd chmod chown cp "  # noqa: SIM905  words
    "curl cut date dd df diff dirname dnf docker dpkg du echo egrep false fgrep gcloud "
    "getent git gpasswd grep groupadd groups gzip head helm id install jq killall kubectl "
    "less ln logger ls man mkdir mktemp mount mv npm passwd pgrep pip pip3 pkill podman "
    "printf ps pwd rclone read rm rmdir rpm rsync scp sed service set sftp shift sleep "
    "sort ssh-add ssh-agent ssh-copy-id ssh-keygen ssh-keyscan stat systemctl tail tar "
    "tee terraform test touch tr true type ufw umount unset useradd usermod wait wc wget "
    "which yum zip".split()
)
"""Programs and builtins that run no command from their arguments, except where other lists say so."""
_WHOLE_OPTIONS: Final = {
    "xargs": regex(r"-[0rtpxoie]+|-[0rtpxo]*[IiLlnPsdEea].+|--(null|no-run-if-empty|verbose|exit)"),
    "flock": regex(r"-[nxseuoF]+|--(nonblock|nb|shared|exclusive|close|no-fork|verbose)"),
    "sudo": regex(r"-[EHnSkKibPA]+|--(preserve-env|set-home|non-interactive|login)"),
}
"""Options of wrappers that take no argument."""
_FIND_RUNS: Final = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_ELSEWHERE: Final = frozenset(
    {"ssh", "docker", "podman", "kubectl", "oc", "nsenter", "lxc", "incus", "docker-compose", "vagrant"}
)
"""Programs that pass their standard input to a command in their arguments."""
_SSH_ARGUMENT: Final = frozenset("-" + letter for letter in "BbcDEeFIiJLlmOopQRSWw")
_STDIN_IS_CODE: Final = frozenset(
    "su at batch parallel crontab m4 tclsh wish expect sftp ftp gdb lldb "  # noqa: SIM905  words
    "R julia ghci iex groovysh pwsh".split()
)
_FILE_IS_STDIN: Final = regex(r"(-f|--file=|--makefile=)(-|/dev/stdin)")
_READS_FILE: Final = frozenset({"make", "gmake", "awk", "gawk", "mawk", "nawk", "sed"})


class Inner(NamedTuple):
    """A script in a script, the words after it, and whether it runs in the same shell."""

    text: str
    dialect: Dialect
    arguments: Sequence[Word] = ()
    is_same_shell: bool = False


def literal_scripts(command: Command) -> Iterator[Inner]:
    """The scripts in a command that are plain text: in `sh -c`, `eval`, `trap` and `sh <<'END'`."""
    words, at_heads = command.words, heads(command.words)
    for at, word in enumerate(words):
        if program_option(word) is _SHELL:
            dialect: Dialect = "bash" if word.name.endswith("bash") else "sh"
            script = _script_word(words[at + 1 :])
            if script is not None and is_literal(words[script + at + 1]):
                yield Inner(words[script + at + 1].text, dialect, words[script + at + 2 :])
        elif word.text in ("eval", "trap") and at in at_heads and words[at + 1 :]:
            after = words[at + 1 :] if word.text == "eval" else words[at + 1 : at + 2]
            if all(map(is_literal, after)):
                yield Inner(" ".join(one.text for one in after), "bash", is_same_shell=True)
    if command.texts and reads_code(command, at_heads):
        dialect = "bash" if any(word.name == "bash" for word in words) else "sh"
        arguments = [*words[-1:], *_after_dash_s(words)]
        yield from (Inner(one.text, dialect, arguments) for one in command.texts if is_literal(one))


def _after_dash_s(words: Sequence[Word]) -> Sequence[Word]:
    """The arguments of `sh -s A B`."""
    at = next((at for at, word in enumerate(words) if re.fullmatch(r"-[A-Za-z]*s", word.text)), len(words))
    return [word for word in words[at + 1 :] if word.text != "--"]


def _script_word(words: Sequence[Word]) -> int | None:
    """The word after the name of a shell that is its code."""
    has_option = is_argument = False
    for at, word in enumerate(words):
        if is_argument:
            is_argument = False
        elif word.text[:1] in ("-", "+") and word.text not in ("-", "--"):
            has_option = has_option or _SHELL.fullmatch(word.text) is not None
            is_argument = word.text in _SHELL_ARGUMENT or word.text[-1:] in ("o", "O")
        else:
            return at if has_option else None
    return None


def is_literal(word: Word) -> bool:
    """Whether a word consists only of its text."""
    return not (word.slots or word.spots or word.within or word.may_vanish or not word.text)


def heads(words: Sequence[Word]) -> dict[int, bool]:
    """The words that can name the program that runs, through wrappers; and whether each certainly does."""
    found: dict[int, bool] = {}
    waiting = [(next((at for at, word in enumerate(words) if not word.is_assignment), len(words)), True)]
    while waiting:
        at, is_certain = waiting.pop()
        if at >= len(words) or at in found:
            continue
        if len(found) >= MAX_HEADS:
            return found | dict.fromkeys(range(len(words)), False)
        found[at] = is_certain
        name = words[at].name
        if name == "find":
            runs = (position for position, word in enumerate(words) if word.text in _FIND_RUNS)
            waiting += ((position + 1, is_certain) for position in runs if position > at)
        elif name in _WRAPPERS or words[at].text.startswith("-"):  # `time -p`, where time is a program
            waiting += ((position, is_certain and is_it) for position, is_it in _wrapped(words, at))
    return found


def between(words: Sequence[Word], at_heads: Mapping[int, bool]) -> Sequence[Word]:
    """The words of wrappers before the command that they run: options, and `A=B` of `env`."""
    first, last = min(at_heads, default=0), max(at_heads, default=0)
    return words[first + 1 : None if words[last].name in _WRAPPERS else last] if at_heads else ()


def _wrapped(words: Sequence[Word], at: int) -> Iterator[tuple[int, bool]]:
    """What this wrapper can run: a word after an option can be its argument, or the command."""
    operands = _WRAPPERS.get(words[at].name, 0)
    is_after_option = False
    for position in range(at + 1, len(words)):
        word = words[position]
        if word.text.startswith("-"):
            if words[at].name == "command" and word.text in ("-v", "-V"):
                return
            is_after_option = word.text != "--" and not _is_whole(words[at].name, word.text)
        elif not word.is_assignment:
            is_it = not is_after_option and operands == 0
            yield position, is_it
            if is_it:
                return
            operands -= not is_after_option
            is_after_option = False


def _is_whole(wrapper: str, option: str) -> bool:
    """Whether this option takes no argument from the next word."""
    known = _WHOLE_OPTIONS.get(wrapper)
    return "=" in option or (known is not None and known.fullmatch(option) is not None)


def program_option(word: Word) -> re.Pattern[str] | None:
    """The options followed by code, if this word names an interpreter."""
    return _option_of(word.name)


@lru_cache(maxsize=256)
def _option_of(name: str) -> re.Pattern[str] | None:
    for names, option in _FAMILIES:
        if names.fullmatch(name):
            return option
    return None


def is_shell(word: Word) -> bool:
    """Whether this word names a shell."""
    return program_option(word) is _SHELL


def is_computed(word: Word) -> bool:
    """Whether the author did not write the whole word: it can be the name of any program."""
    if word.text in ("[", "[["):
        return False
    return word.text[:1] in ("$", SLOT) or word.name[:1] in ("$", SLOT) or bool(set("*?[{") & set(word.name))


def programs(
    words: Sequence[Word], first: int, option: re.Pattern[str], *, is_head: bool = True
) -> Iterator[Word]:
    """The words that the interpreter before `first` runs as code; later words are plain arguments."""
    is_after_option = False
    for position in range(first, len(words)):
        word = words[position]
        if word.text[:1] in ("-", "+") and word.text not in ("-", "--"):
            is_after_option = True
            if word.slots or word.inner:
                yield word  # it can be -c with its code
            if word.text == "-m" and option is not _SHELL:
                return
            if option.fullmatch(word.text):
                yield from _operand(words[position + 1 :], skips_options=option in (_SHELL, _ANY_PROGRAM))
                if option is not _EXPRESSION:
                    return
        elif is_after_option or is_computed(word):
            is_after_option = False
            if is_head and option is not _ANY_PROGRAM and word.slots and word.may_vanish:
                yield word  # it can be several words, with -c and code among them
        else:
            return


def _operand(words: Sequence[Word], *, skips_options: bool) -> Iterator[Word]:
    """The code after -c: the next word, or the first word that is certainly not empty or an option."""
    is_argument = False
    for word in words:
        yield word
        if skips_options and word.text[:1] in ("-", "+"):
            is_argument = word.text[-1:] in ("o", "O")
        elif is_argument:
            is_argument = False
        elif not word.may_vanish or word.text.strip("$") != "":
            return


def behind_unknown(words: Sequence[Word], at_heads: Mapping[int, bool]) -> Iterator[int]:
    """Where `eval`, `ssh` or `su` follows a command word that can run it."""
    known = _ORDINARY | set(_WRAPPERS)
    certain = (at for at, is_certain in at_heads.items() if is_certain)
    unknown = (at for at in certain if is_computed(words[at]) or words[at].name not in known)
    first = min(unknown, default=len(words))
    for at in range(first + 1, len(words)):
        if at not in at_heads and words[at].is_plain and words[at].name in _REMOTE:
            yield at


def is_several(word: Word) -> bool:
    """Whether the author wrote neither the name of the program in this word nor its number of words."""
    return bool({"$", SLOT} & set(word.name))


def code_after(words: Sequence[Word], at: int) -> Iterator[Word]:
    """The words that this program runs as code, judged by the options and subcommands before them."""
    name, after = words[at].name, words[at + 1 :]
    if name in _MAKES:
        yield from (word for word in after if word.is_assignment)
    options = _CODE_AFTER.get(name)
    if options is None:
        return
    for position, word in enumerate(after):
        for option in options:
            is_subcommand = option[0] != "-"
            if word.text == option:
                yield from after[position + 1 :] if is_subcommand else after[position + 1 : position + 2]
            elif not is_subcommand and _is_glued(word.text, option):
                yield word


def _is_glued(text: str, option: str) -> bool:
    """Whether a word is an option with its argument: `-Ixz`, `--rsh=ssh`."""
    is_long = option.startswith("--") or len(option) > 2
    return text.startswith(option + "=") if is_long else text.startswith(option)


def all_programs(words: Sequence[Word], at_heads: Mapping[int, bool]) -> Iterator[tuple[str, Word]]:
    """Each word that an interpreter anywhere in the command runs as code, with the interpreter's name."""
    for position, word in enumerate(words):
        option = program_option(word)
        if option is None and position in at_heads:
            if word.name in _TAKES_PROGRAM:
                yield from ((word.name, one) for one in _after_option(words[position + 1 :], _SHELL))
                continue
            yield from ((word.name, one) for one in code_after(words, position))
            option = _ANY_PROGRAM if is_computed(word) else None
        if option is not None:
            yield from (
                (word.name, one)
                for one in programs(words, position + 1, option, is_head=position in at_heads)
            )


def _after_option(words: Sequence[Word], option: re.Pattern[str]) -> Iterator[Word]:
    for position, word in enumerate(words):
        if option.fullmatch(word.text):
            yield from words[position + 1 : position + 2]


def script_operand(words: Sequence[Word], at: int) -> Word | None:
    """The script file that the interpreter at this position runs, if any."""
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
    """Whether the command runs its standard input as code."""
    words = command.words
    first = min(at_heads, default=0)
    is_elsewhere = any(words[at].name in _ELSEWHERE for at in at_heads)
    for position, word in enumerate(words):
        option = program_option(word)
        if option and (position in at_heads or is_elsewhere) and _is_without_script(words, position, option):
            return True
    for at in at_heads:
        name, after = words[at].name, words[at + 1 :]
        if name in _READS_FILE and _reads_file_from_stdin(after):
            return True
        if name in _STDIN_IS_CODE or (name in (".", "source") and any(w.text == "/dev/stdin" for w in after)):
            return True
        if name in ("sudo", "doas") and at == first and any(w.text in ("-s", "-i") for w in after[:1]):
            return len(after) == 1
        if name == "ssh" and len(_ssh_operands(after)) == 1:
            return True
    return False


def _reads_file_from_stdin(words: Sequence[Word]) -> bool:
    """Whether `-f -` makes it read its code from standard input."""
    pairs = zip(words, [*words[1:], Word(0)], strict=False)
    return any(
        _FILE_IS_STDIN.fullmatch(word.text + following.text if word.text in ("-f", "--file=") else word.text)
        for word, following in pairs
    )


def _is_without_script(words: Sequence[Word], at: int, option: re.Pattern[str]) -> bool:
    if "awk" in words[at].name or words[at].name == "busybox":
        return False
    texts = [word.text for word in words[at + 1 :]]
    if option is _SHELL and any(re.fullmatch(r"-[a-rt-zA-Z]*s[A-Za-z]*", text) for text in texts):
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
