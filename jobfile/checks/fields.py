"""Rules about single fields of a job or step."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from jobfile.checks.finding import finding, located
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.expressions.expression import Problem
from jobfile.files.fileset import JobText, Payload, StepText
from jobfile.files.merged_settings import Setting, Settings, any_text
from jobfile.model.regex import regex
from jobfile.model.size import NO_LIMIT, format_size, meant_size, parse_size, why_no_size
from jobfile.schedule.duration import meant_duration, parse_duration, why_no_duration

ACTIONS = ("run", "command", "python", "http", "steps")
PAYLOAD = frozenset({"run", "command", "env", "http", "working_dir", "idempotency_key"})
"""Fields that can have templates; `concurrency.key` can too."""
ELSEWHERE_CHECKED = frozenset({"steps", "if", "for_each"})
MIN_START_DEADLINE = 60
MIN_MEMORY = 4 * 2**20
"""Minimum memory of a job in bytes; a shell needs about half of it."""

_SECRET_SOURCE = regex(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+", re.ASCII)
_EXIT = regex(r"exit:(\d{1,3})(?:-(\d{1,3}))?", re.ASCII)
_CODES = regex(r"(\d{1,3})(?:-(\d{1,3}))?", re.ASCII)
_UMASK = regex("0?[0-7]{3}", re.ASCII)
_SHELL_WORDS = ("|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "2>&1", "cd")
_SHELL_SIGNS = regex(r"(?<!\\)\$[A-Za-z_{(]|^\*\.\w+$|^[\w./-]+/\*$")

_TAKES_CODE = regex(
    r"-E|-g|--?(?:i?name|i?path|i?wholename|i?regex|i?lname|glob|iglob|pattern|include|exclude"
    r"|filter|eval|expression|command|query|sql|format|jsonpath|template|regexp)"
)
"""An option whose value the program reads as code or as a pattern."""
_SCRIPT_OPTION = regex(r"-[a-z]{0,3}[cer]")
_RUNS_SCRIPTS = regex(
    r"(?:ba|da|z|k|mk|a|c|tc|fi)?sh|busybox|su|perl|ruby|node|php|lua|Rscript|python[\d.]*|psql|mysql|mariadb|sqlite3"
    r"|sed|e?grep"
)
"""Programs whose option `-c`, `-e` or `-r` takes a script."""
_READS_PATTERNS = frozenset(
    {"awk", "gawk", "mawk", "sed", "jq", "yq", "grep", "egrep", "fgrep", "rg", "ag", "expr"}
)
"""Programs whose first operand is code or a pattern."""


def check_action(payload: Payload) -> Iterator[Diagnostic]:
    """JF107: a job or step has exactly one action."""
    allowed = ACTIONS[:-1] if isinstance(payload, StepText) else ACTIONS
    own = [key for key in payload.settings if key in allowed]
    if not own and not payload.is_unsure(*allowed):
        yield finding(
            payload.here,
            "JF107",
            f"{payload.words} has no action",
            label=f"needs one of {', '.join(f'`{key}`' for key in allowed)}",
            help=("give it a script:  run: echo hello",),
            at_key=True,
        )
    elif len(own) > 1:
        yield finding(
            payload.settings[own[1]],
            "JF107",
            f"{payload.words} has two actions: `{own[0]}` and `{own[1]}`",
            label="the second action",
            help=("keep one of them; for more than one, use a script or `steps`",),
            at_key=True,
        )


def check_durations(payload: Payload) -> Iterator[Diagnostic]:
    """JF110: a duration is a number with a unit; JF106: it is not too short."""
    for setting in _durations_of(payload):
        text = setting.text
        parsed = parse_duration(text)
        key = setting.path[-1]
        if parsed is None and "{{" not in text and not (key == "timeout" and text == "none"):
            yield no_duration(setting, key)
        elif parsed is not None and key == "start_deadline" and parsed.total_seconds() < MIN_START_DEADLINE:
            yield finding(
                setting,
                "JF106",
                f"`start_deadline` must be at least {MIN_START_DEADLINE}s",
                label="a busy engine would miss it",
            )
        elif parsed == timedelta(0) and key in _NEVER_ZERO:
            label, way = _NEVER_ZERO[str(key)]
            yield finding(
                setting, "JF106", f"`{key}` must be longer than 0, found `{text}`", label=label, help=(way,)
            )


_NEVER_ZERO: Final[Mapping[str, tuple[str, str]]] = {
    "timeout": ("it would end every run immediately", "write  none  for no limit, or a time above 0"),
    "deadline": ("it would end every run immediately", "write a time above 0"),
    "window": ("every missed run is older than this", "write  catchup: none  or a time above 0"),
    "success_every": ("no job can meet this", "write a time above 0"),
    "max_duration": ("every run takes longer", "write a time above 0"),
}
"""Keys where 0 makes no sense: its effect, and what to write."""


def no_duration(setting: Setting, key: str | int) -> Diagnostic:
    """JF110 for a text that should be a duration."""
    text = setting.text
    meant = meant_duration(text)
    why, expected = why_no_duration(text)
    help_: tuple[str, ...] = (f"write {meant}",) if meant else ()
    if meant is not None and parse_duration(meant) == timedelta(0) and key in _NEVER_ZERO:
        meant, help_ = None, (_NEVER_ZERO[str(key)][1],)
    return finding(setting, "JF110", f"`{text[:40]}` {why}", label=expected, help=help_, fix=meant)


def check_umask(payload: Payload) -> Iterator[Diagnostic]:
    """JF106: a umask is three octal digits as written; some YAML parsers read 027 as 23."""
    setting = payload.settings.get("umask")
    if setting is None or _UMASK.fullmatch(setting.text):
        return
    meant = _meant_umask(setting.text)
    yield finding(
        setting,
        "JF106",
        f"`{setting.text[:40]}` is not a umask",
        label="expected three octal digits, 000 to 777: the permissions that new files do not get",
        help=(f'write "{meant}"',) if meant else ('for files that others can read, write "022"',),
        fix=f'"{meant}"' if meant else None,
    )


def check_sizes(payload: Payload) -> Iterator[Diagnostic]:
    """JF106: a limit is a size, and large enough to run anything; that of core files may be `none`."""
    for least_size in _least_sizes(payload):
        if parse_size(least_size.text) is None:
            yield _no_size(least_size, or_none=False)
    limits = payload.settings.get("limits")
    for key, least in {"memory": MIN_MEMORY, "file_size": 0, "core": 0}.items():
        limit = None if limits is None else limits.part(key)
        if limit is None or (key == "core" and limit.text == NO_LIMIT):
            continue
        size = parse_size(limit.text)
        if size is None:
            yield _no_size(limit, or_none=key == "core")
        elif size < least:
            yield finding(
                limit,
                "JF106",
                f"`{key}` must be at least {format_size(least)}, found `{limit.text}`",
                label="no program could run in it",
            )


def _least_sizes(payload: Payload) -> Iterator[Setting]:
    """The sizes of files that a job is expected to leave."""
    expect = payload.settings.get("expect") if isinstance(payload, JobText) else None
    files = None if expect is None else expect.part("files")
    for one in () if files is None else files.parts():
        yield from _fields(one, ("min_size",))


def _no_size(limit: Setting, *, or_none: bool) -> Diagnostic:
    meant = meant_size(limit.text)
    why, expected = why_no_size(limit.text, or_none=or_none)
    help_ = (
        f"write {meant}" if meant else "units are KiB, MiB, GiB and TiB; each is 1,024 times the previous one"
    )
    return finding(limit, "JF106", f"`{limit.text[:40]}` {why}", label=expected, help=(help_,), fix=meant)


def _meant_umask(text: str) -> str | None:
    """The umask meant by fewer digits, or by the octal notation of a programming language."""
    digits = text.lower().removeprefix("0o").lstrip("0").rjust(3, "0")
    return digits if _UMASK.fullmatch(digits) else None


def _durations_of(payload: Payload) -> Iterator[Setting]:
    """Every value of a job or step that must be a duration."""
    settings = payload.settings
    for key in ("timeout", "kill_grace", "start_deadline", "deadline"):
        if key in settings:
            yield settings[key]
    parts = {
        "retry": ("delay", "max_delay"),
        "catchup": ("window",),
        "expect": ("success_every", "max_duration", "min_duration"),
    }
    for key, fields in parts.items():
        yield from _fields(settings.get(key), fields)
    schedule = settings.get("schedule")
    for entry in () if schedule is None else schedule.entries():
        yield from _fields(entry, ("every", "spread"))
    if isinstance(payload, JobText):
        for trigger in payload.triggers:
            yield from _fields(trigger.part("file"), ("settle",))


def _fields(setting: Setting | None, keys: tuple[str, ...]) -> Iterator[Setting]:
    """Fields of a setting that is a map."""
    if setting is not None and isinstance(setting.value, Mapping):
        for key in keys:
            part = setting.part(key)
            if part is not None:
                yield part


def check_literal_fields(payload: Payload) -> Iterator[Diagnostic]:
    """JF113: a template in a field that decides when or whether a run starts: a plan must not need values."""
    for key, setting in payload.settings.items():
        if key in PAYLOAD or key in ELSEWHERE_CHECKED or not any_text(setting.value, _has_braces):
            continue
        if _is_inherited(payload, setting):
            continue
        for text in setting.texts():
            if text.path[-2:] != ("concurrency", "key"):
                yield from literal_only(text, key)


def _has_braces(text: str) -> bool:
    return "{{" in text


def _is_inherited(payload: Payload, setting: Setting) -> bool:
    """Whether a step inherits it from its job, where it is checked."""
    return isinstance(payload, StepText) and not setting.is_below(payload.path)


def literal_only(setting: Setting, key: str) -> Iterator[Diagnostic]:
    """JF113 for a text with a template."""
    text = setting.value
    if "{{" not in text:
        return
    start = text.index("{{")
    end = text.find("}}", start) + 2
    problem = Problem(
        code="JF113",
        message=f"template in `{key}`, which must be literal",
        start=start,
        end=end if end > start else len(text),
        label="templates are filled in when a run starts, but this value is needed earlier",
        help=("allowed in run, command, env, http, working_dir, idempotency_key and concurrency.key",),
    )
    yield located(setting, problem)


def check_secrets(payload: Payload) -> Iterator[Diagnostic]:
    """JF104: a secret is given by the place to read it from; its value is never in the file."""
    yield from secrets_named(payload.secrets)


def secrets_named(secrets: Settings) -> Iterator[Diagnostic]:
    """JF104 for each secret without a place."""
    for name, setting in secrets.items():
        if not _SECRET_SOURCE.fullmatch(setting.text):
            yield finding(
                setting,
                "JF104",
                f"secret `{name}` does not say where to read it",
                label="expected env:NAME or file:/path",
                help=(f"{name}: env:{name}", "the value itself must not be in the file"),
            )


def check_retry_when(payload: Payload) -> Iterator[Diagnostic]:
    """JF104, JF106: the retry conditions are possible for the action."""
    setting = payload.settings.get("retry")
    when = setting.part("when") if setting is not None else None
    for one in () if when is None else when.parts():
        text = one.text
        codes = _EXIT.fullmatch(text)
        if codes and not 0 < int(codes[1]) <= int(codes[2] or codes[1]) <= 255:
            yield finding(
                one,
                "JF106",
                f"`{text}` is not an exit code of a failure",
                label="expected 1 to 255, with the smaller one first",
            )
        elif "http" in payload.settings and (codes or text == "signal"):
            yield _other_kind(one, "a request", "timeout, connect, http:NNN or http:5xx")
        elif text.startswith("http:") and not _may_have_request(payload):
            yield _other_kind(one, "a process", "timeout, signal, exit:N or exit:N-M")


def check_skip_exit(payload: Payload) -> Iterator[Diagnostic]:
    """JF118: `skip_exit` has exit codes from 1 to 255, of an action with an exit code."""
    setting = payload.settings.get("skip_exit")
    if setting is None:
        return
    if "steps" in payload.settings:
        yield finding(
            setting,
            "JF118",
            "`skip_exit` has no effect on a job with steps",
            label="the job has no exit code of its own: each step has one",
            help=("write it in the step that ends with this exit code",),
            at_key=True,
        )
    elif "http" in payload.settings:
        yield finding(
            setting, "JF118", "a request has no exit code", label="only processes have one", at_key=True
        )
    for one in setting.parts():
        codes = _CODES.fullmatch(one.text)
        if "{{" not in one.text and not (codes and 0 < int(codes[1]) <= int(codes[2] or codes[1]) <= 255):
            yield finding(
                one,
                "JF118",
                f"`{one.text[:40]}` is not an exit code for `skip_exit`",
                label="expected 1 to 255, or a range such as 70-79",
                help=("exit code 0 means that the work is done",) if one.text == "0" else (),
            )


def _may_have_request(payload: Payload) -> bool:
    """Whether the job or step sends a request, or a step of the job does, or a mistake hides that."""
    if "http" in payload.settings or payload.is_unsure("http", "steps"):
        return True
    return isinstance(payload, JobText) and any("http" in step.settings for step in payload.steps.values())


def _other_kind(setting: Setting, what: str, expected: str) -> Diagnostic:
    return finding(
        setting,
        "JF104",
        f"`{setting.text}` cannot happen to {what}",
        label=f"for {what}, expected {expected}",
    )


def check_timeout_is_set(payload: Payload) -> Iterator[Diagnostic]:
    """JF617: without a timeout, a run that hangs keeps all later runs from starting."""
    setting = payload.settings.get("timeout")
    if setting is not None and setting.text == "none":
        yield finding(
            setting,
            "JF617",
            f"{payload.words} has no timeout",
            label="a run that hangs is never stopped",
            help=("set the longest time that a good run can take:  timeout: 2h",),
        )


def check_command_is_no_shell(payload: Payload) -> Iterator[Diagnostic]:
    """JF623: the items of `command` are passed to the program unchanged."""
    setting = payload.settings.get("command")
    if setting is None:
        return
    words = [text if isinstance(text, str) else "" for text in setting.value]
    for index, text in enumerate(words):
        if _is_for_a_shell(text, is_first=index == 0) and not _is_for_the_program(words, index):
            yield finding(
                setting.part(index) or setting,
                "JF623",
                f"`{text[:40]}` in a command list is passed to the program unchanged",
                label="no shell reads this",
                help=("use  run:  for a shell script",),
            )
            return


def _is_for_a_shell(text: str, *, is_first: bool) -> bool:
    if text in _SHELL_WORDS:
        return is_first or text != "cd"
    return ("$" in text or "*" in text) and "{{" not in text and _SHELL_SIGNS.search(text) is not None


def _is_for_the_program(words: list[str], index: int) -> bool:
    """Whether the program itself reads a word with `$` or `*`: as a script, a pattern or a query."""
    before = words[:index]
    option = words[index - 1] if before else ""
    names = [word.rpartition("/")[2] for word in before]
    if _TAKES_CODE.fullmatch(option):
        return True
    if _SCRIPT_OPTION.fullmatch(option) and any(map(_RUNS_SCRIPTS.fullmatch, names)):
        return True
    at = next((at for at, name in enumerate(names) if name in _READS_PATTERNS), index)
    return at < index and all(word[:1] == "-" for word in before[at + 1 :])


def check_exclusive_fields(payload: Payload) -> Iterator[Diagnostic]:
    """JF102, JF109: fields that require or exclude each other."""
    http = payload.settings.get("http")
    if http is not None:
        yield from exclusive(http, "body", "json")
        retries = payload.settings.get("retry")
        yield from _unsafe_retry(payload, http, retries)
    parallel = payload.settings.get("max_parallel")
    if parallel is not None and "for_each" not in payload.settings and not payload.is_unsure("for_each"):
        yield finding(
            parallel,
            "JF102",
            "`max_parallel` needs `for_each`",
            label="the step runs only once",
            help=("add  for_each:  with a list, or remove this",),
            at_key=True,
        )


def exclusive(setting: Setting, first: str, second: str) -> Iterator[Diagnostic]:
    """JF109: two keys of one map that exclude each other."""
    one, other = setting.part(first), setting.part(second)
    if one is not None and other is not None:
        yield finding(
            other,
            "JF109",
            f"`{first}` and `{second}` exclude each other",
            label="the second of the two keys",
            help=("keep one of them",),
            at_key=True,
        )


def _unsafe_retry(payload: Payload, http: Setting, retry: Setting | None) -> Iterator[Diagnostic]:
    """JF613: a request that changes something can arrive even if its answer is lost."""
    job = payload if isinstance(payload, JobText) else payload.job
    method = http.value.get("method")
    if retry is None or method not in ("POST", "PATCH"):
        return
    if "idempotency_key" in job.settings or job.is_unsure("idempotency_key"):
        return
    attempts = retry.value.get("attempts", 1) if isinstance(retry.value, Mapping) else retry.value
    if attempts > 1:
        yield finding(
            retry,
            "JF613",
            f"a retried {method} without an idempotency key may take effect twice",
            label="a lost response looks like a failure",
            help=('add  idempotency_key: "…"  to the job, and send it as a header',),
            at_key=True,
        )
