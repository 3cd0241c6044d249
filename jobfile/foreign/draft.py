"""A job drafted from a job of another tool: its settings as values, and as the text of a job file."""

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final  # a value of a job has any type of YAML

from jobfile.expressions.template import as_literal
from jobfile.schedule.cron import CronExpression, parse_cron
from jobfile.schedule.duration import MAX_DURATION, format_duration
from jobfile.syntax.error_context import quote
from jobfile.syntax.scalars import core_value, is_read_otherwise

MAX_LINES: Final = 10
"""Maximum lines of a script in a draft; for a longer script, the draft names a file."""
MAX_LETTERS: Final = 500
"""Maximum characters of a script in a draft."""
MAX_WIDTH: Final = 90
"""Lists and maps that fit into a line of this length are written in brackets."""
MAX_NAME: Final = 40
MAX_NAMED: Final = 3
"""Maximum names listed in a note."""

_PLAIN: Final = re.compile(r"-{0,2}[A-Za-z0-9_./](?!.*(?:: | #|:$| $))[^*{}\[\]]*+")
"""A text that needs no quotes; a cron expression with stars gets them, as people write it."""
_PLAIN_IN_BRACKETS: Final = re.compile(r"[\w./@=+:%-]++(?<!:)", re.ASCII)
_BRACES: Final = re.compile(r"\{\{(?:(?!\}\}).)*\}\}", re.DOTALL)
_SHELL_SIGNS: Final = re.compile(r"[|&;<>()$`*?\[\]{}~#!\n\\'\"]|^\w+=")
_MANY_COMMANDS: Final = re.compile(r"[;\n$(`]|[^&>]&(?![&>])")
_READ: Final = re.compile(r"\$\{?([A-Z][A-Z0-9_]*+)\}?", re.ASCII)
_SET: Final = re.compile(r"\b([A-Z][A-Z0-9_]*+)=", re.ASCII)
_ALWAYS_SET: Final = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TZ",
    "TMPDIR",
    "PWD",
    "IFS",
    "RANDOM",
    "UID",
)
_WRAPPERS: Final = frozenset(
    {"sudo", "nice", "ionice", "time", "timeout", "flock", "chronic", "env", "exec", "nohup"}
)
_INTERPRETERS: Final = re.compile(
    r"(?:ba|da|z|k)?sh|python[\d.]*|perl|ruby|node|php[\d.]*|uv|poetry|npx?|make"
)
_PREPARATIONS: Final = frozenset(
    {"cd", "test", "[", "[[", ".", "source", "set", "export", "umask", "sleep", "if"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A job: its settings in the order to write them, and what the job of the other tool also had."""

    name: str
    settings: Mapping[str, Any]
    left_out: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def saved(self) -> str:
        """The file in which a long script is to be saved; empty if there is none."""
        steps = self.settings.get("steps", {}).values()
        actions = (one.get("run") for one in (self.settings, *steps))
        return next((one.removeprefix("./") for one in actions if isinstance(one, Saved)), "")

    def texts(self) -> Iterator[str]:
        """The job file; then simpler ones, for when a value of the other tool is not valid here."""
        action = {key: self.settings[key] for key in _ACTION if key in self.settings}
        when = {key: self.settings[key] for key in ("schedule", "timezone") if key in self.settings}
        for settings in (self.settings, {**when, **action}, action):
            try:
                yield job_file(self.name, settings)
            except ValueError:  # a text that YAML cannot show, such as one with control characters
                continue


class Saved(str):
    """The command that starts a script which is too long to show: it has to be saved as this file."""

    __slots__ = ()


_ACTION: Final = ("run", "command", "python", "http", "steps", "shell", "user")


def job_file(name: str, settings: Mapping[str, Any]) -> str:
    """A job file with one job."""
    lines = ["version: 1", "jobs:", f"  {slug(name)}:", *_map_lines(settings, 4)]
    return "\n".join(lines)


def _map_lines(settings: Mapping[str, Any], indent: int) -> Iterator[str]:
    for key, value in settings.items():
        lead = f"{' ' * indent}{_key(key)}:"
        if isinstance(value, str) and "\n" in value:
            yield f"{lead} {_block(value, indent + 2)}"
        elif not isinstance(value, (dict, list)) or _fits(value, len(lead)):
            yield f"{lead} {_flow(value, _PLAIN)}"
        elif isinstance(value, dict):
            yield lead
            yield from _map_lines(value, indent + 2)
        else:
            yield lead
            yield from _list_lines(value, indent + 2)


def _list_lines(values: list[Any], indent: int) -> Iterator[str]:
    """A list that is too long for one line: maps and texts of several lines each on their own."""
    if any(isinstance(one, dict) or "\n" in str(one) for one in values):
        for item in values:
            is_block = isinstance(item, str) and "\n" in item
            yield f"{' ' * indent}- {_block(item, indent + 2) if is_block else _flow(item)}"
        return
    words = [_flow(one) for one in values]
    line = f"{' ' * indent}["
    for word in words[:-1]:
        if len(line) + len(word) > MAX_WIDTH and line.strip() != "[":
            yield line.rstrip()
            line = " " * (indent + 1)
        line += f"{word}, "
    yield f"{line}{words[-1]}]"


def _fits(value: dict[str, Any] | list[Any], used: int) -> bool:
    """Whether a list or a map is written in brackets, on one line."""
    parts = list(value.values()) if isinstance(value, dict) else value
    if any(isinstance(one, str) and "\n" in one for one in parts):
        return False
    is_deep = any(isinstance(one, dict) for one in parts)
    return not is_deep and len(_flow(value)) + used < MAX_WIDTH


def _block(text: str, indent: int) -> str:
    """A text of several lines, as written after `|`."""
    if text[:1] in " \t\n" or not all(one.isprintable() or one in "\n\t" for one in text):
        raise ValueError(text)
    lines = text.rstrip("\n").split("\n")
    return "\n".join(["|", *(f"{' ' * indent}{line}" if line else "" for line in lines)])


def _flow(value: object, plain: re.Pattern[str] = _PLAIN_IN_BRACKETS) -> str:
    """A value on one line; a scalar that has the form of `plain` needs no quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else _scalar(str(value), plain)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_][\w-]*", key, re.ASCII) else _scalar(key, _PLAIN_IN_BRACKETS)


def _scalar(text: str, plain: re.Pattern[str]) -> str:
    if not text.isprintable():
        raise ValueError(text)
    is_plain = plain.fullmatch(text) and _PLAIN.fullmatch(text) and isinstance(core_value(text), str)
    return text if is_plain and not is_read_otherwise(text) else quote(text)


def slug(text: str, *, glue: str = "-") -> str:
    """A text as a name of the language; a name for a step has no hyphen."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = glue.join(words).lstrip("0123456789-_")[:MAX_NAME].rstrip("-_")
    return name or "job"


def name_of(command: str) -> str:
    """A name for a command line: that of its program or its script."""
    for part in re.split(r"&&|\|\||[;|\n]", command):
        words = [word for word in words_of(part) if not re.match(r"\w+=|\d+$|[<>]", word)]
        while words and (_base(words[0]) in _WRAPPERS or words[0][:1] == "-"):
            words = words[1:]
        if not words or words[0] in _PREPARATIONS:
            continue
        program, *rest = words
        if _INTERPRETERS.fullmatch(_base(program)) and rest:
            if rest[0] in ("-c", "-e"):
                continue
            program = next((word for word in rest if word[:1] != "-"), program)
        return slug(re.sub(r"\.(?:sh|py|pl|rb|php|js|bash)$", "", _base(program)))
    return "job"


def _base(word: str) -> str:
    return word.rstrip("/").rpartition("/")[2]


def words_of(command: str) -> list[str]:
    """The words of a command line, without the quotes."""
    try:
        return shlex.split(command)
    except ValueError:  # a quote that is not closed
        return command.split()


def script_of(text: str, *, shell: str = "/bin/sh", name: str = "job") -> dict[str, Any]:
    """The keys of a script that ran in a shell of another tool, without `-e` and `-u`.

    A single command behaves the same in every shell. Text with braces must be a template, and templates are
    only for sh and bash.
    """
    text = text.strip("\n")
    if text.count("\n") >= MAX_LINES or len(text) > MAX_LETTERS:
        return {"run": Saved(f"./{slug(name)}.sh")}
    is_bash = shell.rpartition("/")[2] == "bash"
    if has_braces(text):
        return {**({"shell": "bash"} if is_bash else {}), "run": literal(text)}
    is_plain = shell == "/bin/sh" and not _MANY_COMMANDS.search(text)
    return {**({} if is_plain else {"shell": [shell]}), "run": text}


def is_long(text: str) -> bool:
    """Whether a script is named in a draft, instead of shown."""
    return text.strip("\n").count("\n") >= MAX_LINES or len(text) > MAX_LETTERS


def has_braces(text: str) -> bool:
    """Whether a text would be read as a template."""
    return "{{" in text or "{%" in text or "{#" in text


def literal(text: str) -> str:
    """A text whose braces are not a template."""
    return _BRACES.sub(lambda found: as_literal(found[0]), text)


def needs_shell(command: str) -> bool:
    """Whether a command line has more than words."""
    return _SHELL_SIGNS.search(command) is not None


def docker_run(
    image: str,
    words: Sequence[str],
    *,
    flags: Sequence[str] = (),
    env: Sequence[str] = (),
    entry: str = "",
) -> list[str]:
    """The command that runs words in an image."""
    variables = [word for name in env for word in ("-e", name)]
    entrypoint = ["--entrypoint", entry] if entry else []
    return ["docker", "run", "--rm", *flags, *variables, *entrypoint, image, *map(literal, words)]


def schedule_of(text: str, *, zone: str = "") -> str | dict[str, Any] | None:
    """A cron expression or `@every 1h` as a schedule; None if it is not valid here."""
    text = " ".join(text.split())
    every = re.fullmatch(r"@every (\d[\dhms]*)", text)
    if every is not None:
        return {"every": every[1]}
    parsed = parse_cron(text)
    if not isinstance(parsed, CronExpression):
        return None
    entry: dict[str, Any] = {"cron": text}
    if parsed.restricts_both_days:
        entry["days"] = "either"
    if zone:
        entry["timezone"] = zone
    return text if len(entry) == 1 else entry


def schedules_of(texts: Sequence[str], *, zone: str = "") -> dict[str, Any]:
    """The key for some cron expressions; none if one is not valid here."""
    found = [schedule_of(text, zone=zone) for text in texts]
    if not found or None in found:
        return {}
    return {"schedule": found[0] if len(found) == 1 else found}


def invalid_schedule(texts: Sequence[str]) -> list[str]:
    """What a draft leaves out: schedules that are not valid here."""
    return [f"the schedule `{text[:40]}`" for text in texts if schedule_of(text) is None]


def seconds(value: object, *, scale: int = 1, least: int = 1) -> str:
    """A number of seconds, or of units of `scale` seconds, as a duration; empty for any other value."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not least <= float(str(value)) * scale <= MAX_DURATION.total_seconds():
        return ""
    return format_duration(timedelta(seconds=int(float(str(value)) * scale)))


def more(count: int, what: str) -> list[str]:
    """What a draft leaves out: more of something."""
    return [f"{count} more {what}{'' if count == 1 else 's'}"] if count > 0 else []


def several(what: str, names: Sequence[str]) -> list[str]:
    """What a draft leaves out: some things, the first of them by name."""
    if not names:
        return []
    shown = ", ".join(f"`{name[:40]}`" for name in names[:MAX_NAMED])
    rest = len(names) - MAX_NAMED
    return [f"the {what}{'' if len(names) == 1 else 's'} {shown}{f' and {rest} more' if rest > 0 else ''}"]


def unset_variables(text: str, known: Collection[str]) -> list[str]:
    """The variables that a script reads, but that neither it nor a list of names sets, such as `HOSTNAME`."""
    read = dict.fromkeys(_READ.findall(text))
    set_here = {*known, *_ALWAYS_SET, *_SET.findall(text)}
    return [name for name in read if name not in set_here]


def present(**settings: object) -> dict[str, Any]:
    """The settings that have a value."""
    return {key: value for key, value in settings.items() if value not in ("", None, {}, [])}
