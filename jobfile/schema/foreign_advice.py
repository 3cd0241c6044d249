"""What to write instead of a key of another tool, from its value and the keys beside it.

A value is quoted only if it is short and plain: the value of an unknown key can be a secret.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from fractions import Fraction
from math import ceil
from typing import Final, TypeVar

from jobfile.diagnostics.suggest import did_you_mean, fold
from jobfile.model.labels import own_labels
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.duration import format_duration, meant_duration, parse_duration

MOST_ATTEMPTS: Final = 1_000
"""The limit of `retry`."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./@-](?:[A-Za-z0-9_./@=+-]|:(?=[A-Za-z0-9])){0,59}")
_ISO: Final = re.compile(r"P(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9})S)?)?", re.ASCII)
_SPAN: Final = re.compile(r"(\d{1,9}) ?([a-z]{1,7}) ?", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_ON: Final = ("true", "yes", "on", "1")


class Word(NamedTuple):
    """A key of another tool as it was found, and the keys beside it."""

    key: str
    value: object
    siblings: Mapping[str, object]
    entry: str
    """The name of the job or step."""


class Advice(NamedTuple):
    """What a message suggests; `rename` is the key that can replace this one and keep the value."""

    help: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rename: str = ""
    is_for_all: bool = False
    """Whether one change replaces all keys of the map that have this advice."""


Advise = Callable[[Word], Advice]


# --- the same thing under another name


def same(key: str, *types: type) -> Advise:
    """A key that means the same. With a value of these types it can simply be renamed."""

    def advise(word: Word) -> Advice:
        return Advice((did_you_mean([key]),), rename=key if type(word.value) in types else "")

    return advise


def write(*texts: str, note: str = "") -> Advise:
    """The same advice for any value."""
    return lambda _: Advice(texts, (note,) if note else ())


def length(key: str, *, scale: int = 1, note: str = "") -> Advise:
    """A length of time; a number alone counts seconds, or units of `scale` seconds."""

    def advise(word: Word) -> Advice:
        text = _duration(word.value, scale)
        notes = (note,) if note else ()
        if text == "0s":
            return Advice((f"remove it, or write the longest time that is allowed: `{key}: 2h`",), notes)
        return Advice((f"write `{key}: {text or '30m'}`",), notes)

    return advise


def switch(key: str, *, is_opposite: bool = False) -> Advise:
    """A boolean key; in one of the two tools it may mean the opposite."""

    def advise(word: Word) -> Advice:
        is_on = _is_on(word.value) is not is_opposite
        end = ", or leave it out" if (key == "enabled") is is_on else ""
        return Advice((f"write `{key}: {'true' if is_on else 'false'}`{end}",))

    return advise


def with_value(text: str, default: str, *more: str, note: str = "") -> Advise:
    """Advice in which `{}` is the value, or a default if the value is not a short, plain text."""

    def advise(word: Word) -> Advice:
        first = word.value[0] if isinstance(word.value, list) and word.value else word.value
        return Advice((text.replace("{}", _plain(first, default)), *more), (note,) if note else ())

    return advise


def env_file(word: Word) -> Advice:
    """A file with variables; systemd writes a - before one that may be absent."""
    first = word.value[0] if isinstance(word.value, list) and word.value else word.value
    path = _plain(first, "job.env")
    path = f"{path[1:]}?" if path.startswith("-") else path
    return Advice((f"write `env_file: {path}`",))


# --- attempts


_COUNTS_RETRIES: Final = ("retries", "maxretries", "maximumretries", "backofflimit", "retrylimit", "limit")
_COUNTS_ATTEMPTS: Final = ("maxattempts", "maxattempt", "attempts", "tries", "maxtries")
_DELAYS: Final = (
    *("retrydelay", "retryinterval", "retrywait", "retryafter", "restartsec"),
    *("delay", "interval", "intervalsec", "initialdelay", "wait"),
)
_MOST_DELAYS: Final = ("maxdelay", "maximumdelay", "maxinterval", "maxintervalsec", "maxretrydelay")


def retries(word: Word) -> Advice:
    """The number of retries, or the delay before them, as keys of a job."""
    beside = word.siblings.get("retry")
    given = {"attempts": beside} if type(beside) is int else beside if isinstance(beside, dict) else {}
    general = ("delay", "interval", "limit")
    own = {name: value for name, value in word.siblings.items() if fold(name) not in general}
    return _retry({**given, **own})


def retry_policy(word: Word) -> Advice:
    """A map about retries."""
    return _retry(word.value if isinstance(word.value, dict) else {})


def retry_part(word: Word) -> Advice:
    """A key of another tool inside `retry`."""
    advice = _retry(word.siblings)
    return advice._replace(help=(*advice.help[:1],))


def _retry(given: Mapping[str, object]) -> Advice:
    """`retry` with what a map says about the number of attempts and the time between them."""
    by_name = {fold(name): value for name, value in given.items()}
    attempts = _first(by_name, _COUNTS_ATTEMPTS, _number)
    counted = _first(by_name, _COUNTS_RETRIES, _number)
    if attempts is None and counted is not None:
        attempts = counted + 1
    if attempts == 1:
        return Advice(("remove it: a failed run is retried only if the job has `retry`",), is_for_all=True)
    is_valid = attempts is not None and 1 < attempts <= MOST_ATTEMPTS
    parts = [f"attempts: {attempts if is_valid else 3}"]
    for key, names in (("delay", _DELAYS), ("max_delay", _MOST_DELAYS)):
        text = _first(by_name, names, _duration)
        parts += [f"{key}: {text}"] if text and text != "0s" else []
    codes = by_name.get("exitcode")
    whens = [f"exit:{code}" for code in codes if type(code) is int] if isinstance(codes, list) else []
    parts += [f"when: [{', '.join(whens)}]"] if whens else []
    note = "`retry` counts the first attempt too"
    return Advice((f"write `retry: {{{', '.join(parts)}}}`",), (note,), is_for_all=True)


def on_failure(word: Word) -> Advice:
    """What follows a failure: retries, or notifications."""
    inside = word.value.get("retry") if isinstance(word.value, dict) else None
    return _retry(inside) if isinstance(inside, dict) else notified("failed")(word)


# --- what else belongs to a job


def notified(*events: str) -> Advise:
    """Whom to notify of the end of a run."""

    def advise(word: Word) -> Advice:
        asked = _handlers(word.value) or events
        text = ", ".join(f"{event}: [CHANNEL]" for event in asked)
        when = asked[0] if asked[0] in ("failed", "succeeded") else "always"
        return Advice(
            (
                f"write `notify: {{{text}}}`, with CHANNEL under `channels`",
                f"or let another job follow:  triggers: [{{after: {{job: {word.entry}, when: {when}}}}}]",
            )
        )

    return advise


def _handlers(value: object) -> tuple[str, ...]:
    """The events for which a map of handlers has one."""
    events = {"failure": "failed", "failed": "failed", "error": "failed", "success": "succeeded"}
    names = [fold(name) for name in value] if isinstance(value, dict) else []
    return tuple(dict.fromkeys(events[name] for name in names if name in events))


def after_jobs(word: Word) -> Advice:
    """Jobs to wait for, in a job."""
    names = _names(word.value) or ["JOB"]
    text = ", ".join(f"{{after: {name}}}" for name in names)
    several = ("it then starts after each of them; to wait for all, make them `steps` of one job",)
    steps = ("a step waits for other steps with `needs`",) if fold(word.key) == "needs" else ()
    return Advice((f"write `triggers: [{text}]`", *(several if len(names) > 1 else ()), *steps))


def after_steps(word: Word) -> Advice:
    """Steps to wait for, in a step."""
    return Advice((f"write `needs: [{', '.join(_names(word.value) or ['STEP'])}]`",))


def allowed_to_fail(word: Word) -> Advice:
    """In a step: whether the next steps run after its failure."""
    value = word.value
    asked = value.get("failure", True) if isinstance(value, dict) else value
    if isinstance(asked, bool) and not asked:
        return Advice(("remove it: the next steps run only if this one succeeds",))
    rename = "allow_failure" if value is True else ""
    return Advice(("write `allow_failure: true`",), rename=rename)


_OVERLAPS: Final = {
    "allow": "concurrency: {limit: none}",
    "forbid": "concurrency: {on_overlap: skip}",
    "replace": "concurrency: {on_overlap: cancel_running}",
}


def policy(word: Word) -> Advice:
    """What happens if another run is active."""
    found = _OVERLAPS.get(fold(str(word.value)), _OVERLAPS["forbid"])
    end = ", or leave it out: a scheduled run is then skipped" if "skip" in found else ""
    return Advice((f"write `{found}`{end}",))


def cancel_in_progress(word: Word) -> Advice:
    """Whether a newer run of a group ends the active one; only one run of a group waits."""
    return Advice((f"write `on_overlap: {'cancel_running' if _is_on(word.value) else 'latest'}`",))


def no_overlap(word: Word) -> Advice:
    """Whether a run waits for the run before it."""
    return policy(word._replace(value="forbid" if _is_on(word.value) else "allow"))


def missed(word: Word) -> Advice:
    """What happens to runs that were due while nothing could start them."""
    text = fold(str(word.value))
    is_asked = _is_on(word.value) or text in ("run", "runonce", "last", "latest", "execute", "one")
    chosen = "all" if text in ("all", "runall") else "last" if is_asked else "none"
    return Advice((f"write `catchup: {chosen}`",))


def strategy(word: Word) -> Advice:
    """The matrix of a GitHub workflow."""
    matrix = word.value.get("matrix") if isinstance(word.value, dict) else None
    axes = [
        f"{name}: [{', '.join(_plain(one, '') for one in values)}]"
        for name, values in (matrix.items() if isinstance(matrix, dict) else ())
        if isinstance(values, list) and all(_plain(one, "") for one in values) and _plain(name, "")
    ]
    return Advice((f"write `matrix: {{{', '.join(axes) or 'os: [debian, alpine]'}}}`",))


def repeated(word: Word) -> Advice:
    """A step that is executed again and again."""
    value = word.value if isinstance(word.value, dict) else {}
    by_name = {fold(name): one for name, one in value.items()}
    text = _first(by_name, ("intervalsec", "interval", "every"), _duration) or "30s"
    return Advice(
        (
            f"write `schedule: {{every: {text}}}` in the job",
            "or repeat in the script with `while` and `sleep`",
        )
    )


_ACTIONS: Final = {
    "checkout": "write `run: git clone --depth 1 URL repo`",
    "upload-artifact": 'keep files with the run:  artifacts: ["*.log"]  in the job',
    "cache": "remove it: the job runs on the same machine each time, and can keep files there",
    "github-script": "call the API in the script: `run: gh api URL`",
}


def runs_on(word: Word) -> Advice:
    """The labels of a runner; a machine of a service, such as `ubuntu-latest`, has none of one's own."""
    given = word.value.get("labels") if isinstance(word.value, dict) else word.value
    labels = ", ".join(own_labels(_names(given)))
    return Advice((f"write `runs_on: [{labels}]`" if labels else "remove it: any host runs the job",))


def action(word: Word) -> Advice:
    """A packaged action of GitHub."""
    name = str(word.value).partition("@")[0].rpartition("/")[2]
    if name.startswith("setup-"):
        found = f"remove it: install `{name.removeprefix('setup-')}` on the engine's machine"
    else:
        found = _ACTIONS.get(name, "call its program: `run: COMMAND`")
    return Advice((found,), ("packaged actions are not supported",))


_EXECUTORS: Final = {
    "docker": "write `container: {image: IMAGE}`",
    "ssh": "write `run: ssh HOST COMMAND`",
    "http": "write `http: {url: URL}`",
    "jq": "write `run: jq . FILE`",
    "mail": "write `notify: {failed: [CHANNEL]}` in the job",
}


def executor(word: Word) -> Advice:
    """What executes a step of dagu."""
    kind = word.value.get("type") if isinstance(word.value, dict) else word.value
    return Advice((_EXECUTORS.get(str(kind), "write `run: COMMAND`"),))


def memory_limit(word: Word) -> Advice:
    """How much memory a job may use."""
    return Advice((f"write `limits: {{memory: {_memory(word.value) or '512MiB'}}}`",))


def memory_limit_of_job(word: Word) -> Advice:
    """How much memory a step may use: all steps of a job have its limits."""
    return Advice((f"write `limits: {{memory: {_memory(word.value) or '512MiB'}}}` in the job",))


def cpu_limit(word: Word) -> Advice:
    """How many processors a job may use."""
    count = _number(word.value)
    quota = count * 100 if count and 0 < count < 1_000 else 50
    words = f"systemd-run, --user, --scope, -p, CPUQuota={quota}%, --, ./job.sh"
    return Advice((f"write `command: [{words}]`",), ("limits for processors are not supported",))


def _memory(value: object) -> str:
    """A size of memory somewhere in a value, as a limit is written."""
    if isinstance(value, dict):
        found = (_memory(one) for name, one in value.items() if fold(str(name)) in ("limits", "memory"))
        return next((one for one in found if one), "")
    written = re.fullmatch(r"(\d{1,9})([KMGT])i?[bB]?", str(value), re.ASCII)
    return f"{written[1]}{written[2]}iB" if written else ""


def several_commands(word: Word) -> Advice:
    """A script: one text here, in other tools also a list of lines."""
    is_list = isinstance(word.value, list)
    ways = (
        did_you_mean(["run"]),
        *(("a script is one text: `run: |`, with one command on each line",) * is_list),
    )
    return Advice(ways, rename="run" if isinstance(word.value, str) else "")


def kept_for(word: Word) -> Advice:
    """How long runs are kept."""
    days = _number(word.value)
    is_days = "days" in fold(word.key) and days is not None and days > 0
    setting = f"JOBFILE_KEEP_DAYS={days}" if is_days else "JOBFILE_KEEP_DAYS and JOBFILE_KEEP_RUNS"
    return Advice((f"remove it, and set {setting} for the engine: it keeps the runs of all jobs alike",))


# --- times


_FIELDS: Final = (
    ("minute", "minutes"),
    ("hour", "hours"),
    ("day", "dayofmonth", "dom", "monthday"),
    ("month", "months"),
    ("dayofweek", "dow", "weekday", "weekdays"),
)
CRON_FIELDS: Final = " ".join(" ".join(names) for names in _FIELDS)
"""The keys of a schedule that other tools write as a map."""


def cron_fields(word: Word) -> Advice:
    """A schedule with a key for each field of a cron expression."""
    by_name = {fold(name): value for name, value in word.siblings.items()}
    found = [next((by_name[name] for name in names if name in by_name), None) for names in _FIELDS]
    first = next((at for at, value in enumerate(found) if value is not None), 0)
    texts = [
        ("0" if at < first else "*") if value is None else _cron_field(value)
        for at, value in enumerate(found)
    ]
    known = " ".join(texts) if all(texts) else "30 6 * * mon-fri"
    return Advice((f'write `cron: "{known}"`',), is_for_all=True)


def _cron_field(value: object) -> str:
    """A value as a field of a cron expression; empty if it is not like one."""
    parts = value if isinstance(value, list) else [value]
    texts = [str(part).lower() for part in parts]
    return ",".join(texts) if all(re.fullmatch(r"[a-z0-9*/,#-]{1,40}", text) for text in texts) else ""


def utc(word: Word) -> Advice:
    """Whether times are in UTC, which is the default here, or in the zone of the machine."""
    if _is_on(word.value):
        return Advice(("remove it: times are in UTC unless `timezone` names a zone",))
    return Advice(("write the zone: `timezone: Europe/Oslo`",))


def period(text: str) -> Advise:
    """A time between runs; `{}` in the text is its length."""
    return lambda word: Advice((text.replace("{}", _duration(word.value) or "15m"),))


def spread(word: Word) -> Advice:
    """A random delay before the start, as a key of a job."""
    text = _duration(word.value) or "20m"
    return Advice((f'write `schedule: {{cron: "0 2 * * *", spread: {text}}}`, with your time',))


def on_events(word: Word) -> Advice:
    """The events of a GitHub workflow."""
    inside = word.value.get("schedule") if isinstance(word.value, dict) else None
    crons = [one.get("cron") for one in inside if isinstance(one, dict)] if isinstance(inside, list) else []
    if len(crons) == 1 and re.fullmatch(r"[A-Za-z0-9*/,# -]{9,60}", str(crons[0])):
        return Advice((f'write `schedule: "{crons[0]}"`',))
    return Advice((did_you_mean(["schedule"]),))


# --- a secret under `env`


def secret_in_env(name: str, value: Mapping[str, object]) -> str:
    """What to write instead of `NAME: {secret: …}` under `env`."""
    given = value.get("secret") or value.get("from_secret")
    source = given if isinstance(given, str) and re.fullmatch(r"(?:env|file):[\w./-]{1,60}", given) else ""
    inside = value.get("valueFrom")
    key = inside.get("secretKeyRef") if isinstance(inside, dict) else None
    of_key = _plain(key.get("key"), "") if isinstance(key, dict) else ""
    chosen = source or (f"file:/run/secrets/{of_key}" if of_key else f"env:{name}")
    return f"a secret is beside `env`, not in it: `secrets: {{{name}: {chosen}}}`"


# --- values


_Read = TypeVar("_Read")


def _first(
    given: Mapping[str, object], names: Iterable[str], read: Callable[[object], _Read | None]
) -> _Read | None:
    """The value of the first of these names that can be read."""
    found = (read(given[name]) for name in names if name in given)
    return next((one for one in found if one is not None), None)


def _number(value: object) -> int | None:
    if type(value) is int:
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value, re.ASCII) else None


def _duration(value: object, scale: int = 1) -> str | None:
    """A length of time in any tool's notation, in whole seconds and rounded up."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        seconds = ceil(Fraction(text) * scale)
        return meant_duration(str(seconds)) and _shortest(f"{seconds}s") if seconds >= 0 else None
    iso = _ISO.fullmatch(text)
    if iso is not None and any(iso.groups()):
        text = "".join(
            f"{int(amount)}{unit}" for amount, unit in zip(iso.groups(), "dhms", strict=True) if amount
        )
    return _shortest(meant_duration(text) or _span(text))


def _span(text: str) -> str:
    """A span of systemd, as in `1h 30min`, as a duration; empty for any other text."""
    if not text or _SPAN.sub("", text):
        return ""
    parts = [parse_duration(meant_duration(amount + unit) or "") for amount, unit in _SPAN.findall(text)]
    known = [part for part in parts if part is not None]
    return format_duration(sum(known, timedelta())) if len(known) == len(parts) else ""


def _shortest(text: str) -> str | None:
    parsed = parse_duration(text)
    return None if parsed is None else format_duration(parsed)


def _is_on(value: object) -> bool:
    return str(value).lower() in _ON


def _plain(value: object, default: str) -> str:
    """A value that needs no quotes and is safe to show, or a default."""
    text = "" if isinstance(value, (bool, list, dict)) or value is None else str(value)
    return text if _PLAIN.fullmatch(text) and "://" not in text else default


def _names(value: object) -> list[str]:
    given = value if isinstance(value, list) else [value]
    return [text for text in (_plain(one, "") for one in given) if text]
