"""Rules about what a success must leave: the outcome checks of `expect`."""

from collections.abc import Iterator, Mapping
from typing import Final

from jobfile.checks.finding import finding
from jobfile.compile.timing import duration_of
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.params import check_pattern
from jobfile.files.fileset import JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.jobs import ParamType
from jobfile.model.regex import regex
from jobfile.schedule.duration import format_duration

MAX_FILES: Final = 100
"""Maximum entries of `files`."""
MAX_COUNT: Final = 10_000
"""The largest `count`: no more files are counted."""
MAX_TEXT: Final = 1024
"""Maximum characters of a path, and of a text that a log must contain."""
LOG: Final = "log"
STREAMS: Final = ("stdout", "stderr")
LOG_KEYS: Final = ("contains", "matches", "empty")
RANGE_KEYS: Final = ("min", "max")
_BRACES: Final = regex(r"\{[^{},]*+,[^{}]*+\}")


def check_outcomes(job: JobText) -> Iterator[Diagnostic]:
    """JF119: each check of `expect` can be made."""
    setting = job.settings.get("expect")
    if setting is None:
        return
    yield from _check_done_by(job, setting)
    yield from _check_files(setting.part("files"))
    for name in (LOG, *STREAMS):
        yield from _check_log(job, name, setting.part(name))
    yield from _check_outputs(job, setting.part("outputs"))


def check_shortest(job: JobText) -> Iterator[Diagnostic]:
    """JF615: a success that must take longer than a run may."""
    setting = job.settings.get("expect")
    least = setting.part("min_duration") if setting is not None else None
    shortest = duration_of(least)
    if setting is None or least is None or shortest is None:
        return
    for other in (setting.part("max_duration"), job.settings.get("timeout")):
        longest = duration_of(other)
        if other is not None and longest is not None and longest <= shortest:
            yield finding(
                least,
                "JF615",
                f"a success of at least {format_duration(shortest)} is impossible: "
                f"`{other.path[-1]}` is {format_duration(longest)}",
                label="every run would fail or be late",
                help=(f"set less than {format_duration(longest)}",),
            )
            return


def _check_done_by(job: JobText, setting: Setting) -> Iterator[Diagnostic]:
    done_by = setting.part("done_by")
    if done_by is None or "schedule" in job.settings or job.is_unsure("schedule"):
        return
    yield finding(
        done_by,
        "JF119",
        "`done_by` needs a schedule: it is about the day of a scheduled run",
        label=f"`{job.name}` has no schedule",
        help=("add a schedule, or write  success_every: 26h",),
    )


def _check_files(files: Setting | None) -> Iterator[Diagnostic]:
    if files is None:
        return
    if not 0 < len(files.value) <= MAX_FILES:
        yield finding(files, "JF119", f"`files` has {len(files.value)} entries", label=f"1 to {MAX_FILES}")
    for one in files.parts():
        path, count = one.part("path"), one.part("count")
        wrong = None if path is None or "{{" in path.text else _wrong_path(path.text)
        if path is not None and wrong is not None:
            message, label, advice = wrong
            yield finding(path, "JF119", message, label=label, help=(advice,) if advice else ())
        if count is not None and isinstance(count.value, int) and count.value > MAX_COUNT:
            message = f"`count` is {count.value:,}, but at most {MAX_COUNT:,} files are counted"
            yield finding(count, "JF119", message, label=f"expected 1 to {MAX_COUNT:,}")


def _wrong_path(path: str) -> tuple[str, str, str] | None:
    """What is wrong with a path: the message, the label and the advice."""
    shown = f"`{path[:60]}`"
    if len(path) > MAX_TEXT:
        return f"the path has {len(path):,} characters", f"at most {MAX_TEXT:,}", ""
    if path.startswith("~"):
        return f"{shown} is not expanded: no shell reads it", "names a file called ~", "write the full path"
    if path.endswith("/"):
        return f"{shown} names a folder", "only files count", f"for its files, write  {path[:60]}*"
    if _BRACES.search(path):
        return f"the braces in {shown} are not expanded", "they match only themselves", "write two entries"
    return None


def _check_log(job: JobText, name: str, log: Setting | None) -> Iterator[Diagnostic]:
    if log is None:
        return
    if name != LOG and "steps" in job.settings:
        yield finding(
            log,
            "JF119",
            f"`{name}` of a job with steps: each step has streams of its own",
            label="the job has several processes",
            help=("for the output of all steps, write  log: {…}",),
            at_key=True,
        )
    for one in log.parts():
        key = str(one.path[-1])
        if key not in LOG_KEYS:
            yield _unknown_key(one, name, LOG_KEYS)
    empty, contains, matches = (log.part(key) for key in (*LOG_KEYS[2:], *LOG_KEYS[:2]))
    if empty is not None and empty.text not in ("true", "false"):
        yield finding(empty, "JF119", "`empty` is true or false", label="expected true or false")
    if contains is not None and not 0 < len(contains.text) <= MAX_TEXT:
        yield finding(contains, "JF119", "`contains` is a short text", label=f"1 to {MAX_TEXT:,} characters")
    trouble = check_pattern(matches.text) if matches is not None and "{{" not in matches.text else None
    if matches is not None and trouble is not None:
        yield finding(matches, "JF508", f"pattern of `{name}` is not supported", label=trouble)
    other = contains or matches
    if empty is not None and empty.text == "true" and other is not None:
        yield finding(
            other,
            "JF119",
            f"`{other.path[-1]}` together with `empty: true`: no {name} can be both",
            label=f"an empty {name} has no text",
            help=("remove one of them",),
        )


def _check_outputs(job: JobText, outputs: Setting | None) -> Iterator[Diagnostic]:
    if outputs is None:
        return
    if "steps" in job.settings:
        yield finding(
            outputs,
            "JF119",
            "a job with steps has no outputs of its own",
            label="each step returns its own",
            help=("give the output of the step a `minimum` or a `maximum`",),
            at_key=True,
        )
        return
    declared = {one.name: one for one in job.outputs}
    for one in outputs.parts():
        name = str(one.path[-1])
        if name not in declared:
            near = suggest(name, declared)
            advice = did_you_mean(near) if near else f"declare it:  outputs: {{{name}: {{type: integer}}}}"
            message = f"unknown output `{name[:63]}`"
            yield finding(one, "JF424", message, label="not declared", help=(advice,), at_key=True)
        elif declared[name].type not in (ParamType.INTEGER, ParamType.NUMBER):
            message = f"output `{name}` is of type {declared[name].type.value}"
            yield finding(one, "JF119", message, label="only numbers have a range", at_key=True)
        else:
            yield from _check_range(one)


def _check_range(setting: Setting) -> Iterator[Diagnostic]:
    for one in setting.parts():
        if str(one.path[-1]) not in RANGE_KEYS:
            yield _unknown_key(one, "outputs", RANGE_KEYS)
    value = setting.value if isinstance(setting.value, Mapping) else {}
    if not value and not setting.is_unsure(*RANGE_KEYS):
        yield finding(setting, "JF119", "the range has no limit", label="expected `min`, `max` or both")
    least, most = value.get("min"), value.get("max")
    if least is not None and most is not None and least > most:
        yield finding(setting, "JF119", f"`min` {least} is above `max` {most}", label="no number fits")


def _unknown_key(setting: Setting, where: str, known: tuple[str, ...]) -> Diagnostic:
    key = str(setting.path[-1])
    near = suggest(key, known)
    advice = did_you_mean(near) if near else f"known keys: {', '.join(f'`{one}`' for one in known)}"
    return finding(
        setting, "JF119", f"unknown key `{key[:40]}` in `{where}`", label="", help=(advice,), at_key=True
    )
