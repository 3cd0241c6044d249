"""The reference of the language as one Markdown document, made from the schema."""

from collections.abc import Iterator, Mapping
from typing import Final

from jobfile.pages.keys import KINDS, Key, keys_of

WHERE: Final[Mapping[str, str]] = {
    "file": "The whole file.",
    "job": "Each job under `jobs`. It has exactly one of `run`, `command`, `python`, `http` and `steps`.",
    "defaults": "Under `defaults`: values for jobs that have none. `env` and `secrets` are merged by name.",
    "step": "Each step under `steps`. It has exactly one of `run`, `command`, `python` and `http`.",
    "schedule": "Under `schedule`, alone or in a list, with one of `cron`, `every`, `at` and `business_day`.",
    "trigger": "Each item of `triggers`. It has exactly one key.",
    "webhook": "Under `webhook` of a trigger.",
    "files": "Under `file` of a trigger.",
    "after": "Under `after` of a trigger, if the name of a job alone is not enough.",
    "param": "Each param under `params`, and each output under `outputs`.",
    "items": "Under `items` of a param whose type is `array`.",
    "retry": "Under `retry`, if a number of attempts is not enough.",
    "concurrency": "Under `concurrency`, if a number is not enough.",
    "catchup": "Under `catchup`, if a word is not enough.",
    "env_file": "Under `env_file`, instead of a path.",
    "limits": "Under `limits`.",
    "container": "Under `container` of a job or a step.",
    "expect": "Under `expect`.",
    "made": "Each file under `files` of `expect`.",
    "http": "Under `http` of a job, a step or a channel.",
    "calendar": "Each calendar under `calendars`.",
    "channel": "Each channel under `channels`. It has exactly one of `apprise`, `http` and `command`.",
    "quiet": "Under `quiet` of a channel: it waits in these hours, and on the closed days of the calendar.",
    "digest": "Under `digest` of a channel.",
    "queue": "Each queue under `queues`.",
}
"""Where a kind of map is written."""

HEAD: Final = """\
# Reference of the language

Every key of a job file, made from the schema (`jobfile schema`) by `jobfile explain keys --markdown`.
`jobfile explain keys KIND` prints one section, `jobfile explain CODE` a rule in detail. When jobs start:
[time.md](time.md); values and templates: [values.md](values.md). `jobfile check` reports what an
engine on this machine could not run (JF631).

| form of a value | written |
| --- | --- |
| text | `Dump the orders`; a number or `true` is a text too where a text is expected |
| duration | numbers with units, the largest first: `30s`, `5m`, `1h30m`, `7d` |
| list | `[a, b]`, or a line with `- ` for each item |
| map | `{a: 1, b: 2}`, or a line for each key |
| null | removes a value that `defaults` sets |
"""


def reference(kinds: tuple[str, ...] = tuple(KINDS)) -> str:
    """The reference of these kinds of maps; of all with an introduction."""
    sections = "\n".join("\n".join(_section(kind)) for kind in kinds)
    return f"{HEAD}\n{sections}" if kinds == tuple(KINDS) else sections


def _section(kind: str) -> Iterator[str]:
    yield f"## {kind}"
    yield ""
    yield WHERE[kind]
    yield ""
    yield "| key | meaning | value | default | example |"
    yield "| --- | --- | --- | --- | --- |"
    yield from (f"| {' | '.join(map(_cell, _cells(key)))} |" for key in keys_of(kind))
    yield ""


def _cells(key: Key) -> tuple[str, ...]:
    words = "; ".join(f"`{word}`{f': {means}' if means else ''}" for word, means in key.values)
    value = key.type + (f" ({words})" if words else "")
    default = "required" if key.is_required else f"`{key.default}`" if key.default else ""
    return (f"`{key.name}`", key.means, value, default, f"`{key.example}`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
