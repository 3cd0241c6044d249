"""Failures that a shell ignores: the script continues and ends with 0, and the run succeeds.

Intended cases are not reported: conditions, `|| true`, filters that feed filters. The lists of programs serve
this purpose; they are not complete.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.shell.places import Command, Script, Word
from jobfile.shell.programs import heads
from jobfile.shell.variables import head_of

_FILTERS: Final = frozenset(
    "echo printf cat true : yes seq date ls find ps df du env id who uname hostname grep "  # noqa: SIM905  words
    "egrep fgrep zgrep rg awk gawk mawk sed sort uniq head tail cut tr wc column paste "
    "comm join nl od xxd rev tac fold basename dirname sleep read jq yq tee base64 md5sum "
    "sha1sum sha256sum xargs which type test [ uptime free mount ip ss netstat lsblk lsof "
    "dmesg last stat file pwd whoami journalctl export set shift cd tput time".split()
)
"""Programs whose failure before a pipe is expected, or that hardly ever fail."""
_CONTAINERS: Final = frozenset({"docker", "podman", "kubectl", "oc", "docker-compose", "git", "systemctl"})
"""Programs that run another program with `exec` or `run`, and otherwise only print information."""
_SINKS: Final = frozenset(
    "gzip pigz zstd xz bzip2 lz4 lzop tee gpg gpg2 openssl age split ts logger ssh rclone "  # noqa: SIM905  words
    "aws gsutil gcloud az s3cmd mc restic borg psql mysql mariadb mongorestore pg_restore "
    "redis-cli sqlite3 dd sponge pv mail mailx sendmail sh bash dash zsh python python3 "
    "perl curl".split()
)
"""Programs that store, send or run their piped input, even if it is incomplete."""
_DOERS: Final = frozenset(
    "cd mkdir cp mv rm ln rsync scp tar unzip make cmake ninja cargo go npm yarn pnpm pip "  # noqa: SIM905  words
    "pip3 poetry uv bundle composer mvn gradle curl wget pg_dump pg_restore mysqldump "
    "psql mysql mongodump docker podman kubectl helm terraform ansible-playbook restic "
    "borg rclone aws gsutil ssh python python3 node ruby perl php java sh bash certbot "
    "apt-get dnf yum apk pushd install chown chmod source .".split()
)
"""Programs that act, so that a failure is not an answer such as "no"."""
_ASKS: Final = regex(r"(?:is|has|can|check|test|should|needs?)[-_.].*")
_PRINTERS: Final = frozenset({"echo", "printf", "logger"})
_SAYS_FAILED: Final = regex(r"fail|error|unable|could not|cannot|went wrong|problem", re.IGNORECASE)
_ENDS: Final = frozenset({"exit", "return", "false", "kill", "exec"})


_PIPEFAIL_WAYS: Final = {
    "sh": "use bash, which jobfile starts with pipefail:  shell: bash",
    "bash": "begin the script with  set -o pipefail",
}


class Dropped(NamedTuple):
    """An ignored failure: its place, the message, and what to do."""

    start: int
    end: int
    message: str
    label: str
    ways: tuple[str, ...]
    is_pipe: bool = False


def find_dropped(script: Script, *, dialect: str, has_pipefail: bool, has_errexit: bool) -> list[Dropped]:
    """Every failure that the shell would ignore and the author would want to know about, in order."""
    commands = sorted(script.commands, key=lambda one: one.words[0].start)
    found = [*_not_waited_for(script), *_only_printed(commands)]
    if not has_pipefail and not _cares_for_pipes(script):
        found += _in_pipes(script, _PIPEFAIL_WAYS[dialect])
    if has_errexit:
        found += _in_the_middle(commands)
    return sorted(set(found))


def _cares_for_pipes(script: Script) -> bool:
    """Whether the script sets pipefail itself (which sh may refuse: JF429), or reads PIPESTATUS."""
    asks = any("pipefail" in [word.text for word in one.words] for one in script.commands)
    return asks or any(one.name == "PIPESTATUS" for one in script.notes.reads)


def _in_pipes(script: Script, way: str) -> Iterator[Dropped]:
    for command in script.commands:
        if not command.before or command.after in ("|", "|&") or not _keeps(command):
            continue
        for one in _upstream(command):
            head = _program(one)
            if head is not None and _may_fail(head, one.words) and one.after != "||":
                yield Dropped(
                    head.start,
                    head.end,
                    f"a failure of `{_shown(head)}` in this pipeline is ignored",
                    "only the last command of the pipeline counts here",
                    (
                        way,
                        "or write to a file first, then read the file",
                    ),
                    is_pipe=True,
                )


def _keeps(command: Command) -> bool:
    """Whether the last command of a pipeline stores, sends or runs its input."""
    head = _program(command)
    is_sink = head is not None and head.name in _SINKS
    return is_sink or any(not one.startswith("/dev/") for one in (word.text for word in command.outputs))


def _upstream(command: Command) -> Iterator[Command]:
    seen: set[int] = set()
    waiting = list(command.before)
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            waiting += one.before
            yield one


def _program(command: Command) -> Word | None:
    """The word that names the program that finally runs, through wrappers such as sudo and timeout."""
    at_heads = heads(command.words)
    last = max((at for at, is_certain in at_heads.items() if is_certain), default=None)
    return None if last is None or last >= len(command.words) else command.words[last]


def _may_fail(head: Word, words: Sequence[Word]) -> bool:
    name = head.name
    if name in _CONTAINERS:
        return any(word.text in ("exec", "run", "archive", "bundle") for word in words)
    return name not in _FILTERS and head.text[:1] not in ("[", "(")


def _shown(word: Word) -> str:
    text = word.text if word.text.isprintable() and "$" not in word.text else "the command"
    return text[:40]


def _not_waited_for(script: Script) -> Iterator[Dropped]:
    waits = any(
        (head := head_of(one)) is not None and head.text in ("wait", "fg", "jobs") for one in script.commands
    )
    if waits or any(one.name == "!" for one in script.notes.reads):
        return
    for at, name in script.notes.background:
        if name != "sleep":
            yield Dropped(
                at,
                at + 1,
                "the script does not wait for this command",
                "its failure is ignored, and it is killed when the script ends",
                ("wait for it:  command & pid=$!; …; wait $pid", "or remove the `&`"),
            )


def _only_printed(commands: Sequence[Command]) -> Iterator[Dropped]:
    """`command || echo failed`: the failure is printed, and then ignored."""
    for index, command in enumerate(commands):
        head = head_of(command)
        if head is None or command.follows != "||" or head.text not in _PRINTERS or command.is_condition:
            continue
        tried = next((one for one in reversed(commands[:index]) if one.after == "||"), None)
        follows = next((one for one in commands[index + 1 :] if one.follows == command.after), None)
        ends = follows is not None and (end := head_of(follows)) is not None and end.text in _ENDS
        says = " ".join(word.text for word in command.words[1:])
        if tried is not None and _is_doer(tried) and _SAYS_FAILED.search(says) and not ends:
            last = command.words[-1]
            yield Dropped(
                head.start,
                last.end,
                "this only prints that a command failed, and the script continues",
                "this command succeeds, and so does the run",
                ("end the script:  || { echo …; exit 1; }", "or remove this: jobfile reports the failure"),
            )


def _in_the_middle(commands: Sequence[Command]) -> Iterator[Dropped]:
    """`a && b` before other commands: if `a` fails, `-e` does not end the script."""
    top = [one for one in commands if one.is_top]
    for index, command in enumerate(top):
        if command.after != "&&" or command.follows in ("&&", "||", "|", "|&") or not _is_doer(command):
            continue
        rest = index + 1
        while rest < len(top) and top[rest].after in ("&&", "|", "|&"):
            rest += 1
        is_handled = rest >= len(top) or top[rest].after in ("||", "&")
        if not is_handled and rest + 1 < len(top):
            head = head_of(command)
            assert head is not None
            yield Dropped(
                head.start,
                head.end,
                f"a failure of `{_shown(head)}` before `&&` does not end the script",
                "the command after `&&` is skipped, and the next line runs",
                ("write each command on its own line: a failure ends the script",),
            )


def _is_doer(command: Command) -> bool:
    """Whether a failure of this command means more than the answer "no"."""
    head = _program(command) or head_of(command)
    if head is None or _ASKS.fullmatch(head.name):
        return False
    if head.name in _CONTAINERS - {"git"}:
        return any(word.text in ("exec", "run", "apply", "build", "push", "pull") for word in command.words)
    is_git = head.name == "git" and any(
        word.text in ("pull", "fetch", "clone", "push", "checkout", "commit") for word in command.words
    )
    return is_git or head.name in _DOERS or ("/" in head.text and head.text[:1] not in "$")
