"""The two kinds of file that users write, job files and case files: the maps with fixed keys in each."""

from collections.abc import Mapping
from dataclasses import field

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.model.dataclass import dataclass

Kind = str
"""The kind of a map with fixed keys: its definition in the schema, or `file` for the whole file."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Form:
    """A kind of file: its schema, where its maps are, and what messages say about them.

    Its entries are its jobs, or its cases, each under a name.
    """

    schema: str
    entries: str
    """The key of the entries."""
    entry: Kind
    entry_keys: tuple[str, ...]
    """Keys by which a map is recognised as an entry in the wrong place."""
    entry_needs: str
    smallest_entry: Mapping[str, object]
    """An entry that is valid."""
    named_maps: Mapping[tuple[Kind, str], Kind]
    """(kind of map, key) -> the kind of each map under a name chosen by the author."""
    one_maps: Mapping[tuple[Kind, str], Kind]
    """(kind of map, key) -> the kind of the map under that key, alone or in a list."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Key -> what the names under it are names of, where the schema has a rule for them."""
    type_help: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(key, what was found) -> what to write instead."""
    knows_other_tools: bool = False
    """Whether users write the keys of other tools in it (`foreign_words.py`)."""
    has_pages: bool = False
    """Whether `jobfile explain keys KIND` lists the keys of its maps."""

    @property
    def maps(self) -> Mapping[tuple[Kind, str], Kind]:
        """(kind of map, key) -> the kind of the maps there."""
        return {**self.named_maps, **self.one_maps}

    def key_of(self, kind: Kind) -> str:
        """The key of a kind of map."""
        return next((key for (_, key), part in self.maps.items() if part == kind), kind)

    def kind_of(self, path: DocumentPath) -> Kind:
        """The kind of the map with fixed keys at a path of the document, or nearest above it."""
        return self.steps_to(path)[-1][0]

    def nearest_map(self, path: DocumentPath) -> DocumentPath:
        """The path of the map with fixed keys at a path, or nearest above it."""
        return self.steps_to(path)[-1][1]

    def is_named(self, path: DocumentPath) -> bool:
        """Whether the last step of a path is a name chosen by the author."""
        return len(path) > 1 and (self.kind_of(path[:-2]), path[-2]) in self.named_maps

    def steps_to(self, path: DocumentPath) -> list[tuple[Kind, DocumentPath]]:
        """The maps with fixed keys on the way to a path, from the file inwards, each with its own path."""
        steps: list[tuple[Kind, DocumentPath]] = [("file", ())]
        at = 0
        while at < len(path):
            place = (steps[-1][0], str(path[at]))
            if place in self.named_maps and at + 1 < len(path):
                at += 1
                steps.append((self.named_maps[place], path[: at + 1]))
            elif place in self.one_maps:
                steps.append((self.one_maps[place], path[: at + 1]))
            at += 1
        return steps

    def place_of(self, path: DocumentPath) -> str:
        """The map at a path in words: "job `a`", "`retry` of job `a`", "the file"."""
        words = []
        steps = self.steps_to(path)
        for kind, at in reversed(steps[1:]):
            word = "output" if at[-2:-1] == ("outputs",) else word_for(kind)
            words.append(f"{word} {quoted(str(at[-1]))}" if self.is_named(at) else quoted(str(at[-1])))
        last = steps[-1][1]
        inner = next((str(step) for step in reversed(path[len(last) :]) if isinstance(step, str)), None)
        if inner is not None:
            words.insert(0, quoted(inner))
        return " of ".join(words) or "the file"


def word_for(kind: Kind) -> str:
    """The name of a kind in messages."""
    return {"pool": "queue", "files": "file", "made": "file"}.get(kind, kind)


def quoted(text: str) -> str:
    """The text in backticks, on one line and cut to the length of a message."""
    line = text.split("\n", 1)[0]
    return f"`{text}`" if line == text and len(text) <= 60 else f"`{line[:60]}…`"


JOB_FILE = Form(
    schema="job",
    entries="jobs",
    entry="job",
    entry_keys=("run", "command", "steps", "http", "python"),
    entry_needs="a job needs `run`, `command`, `python`, `http` or `steps`",
    smallest_entry={},
    named_maps={
        ("file", "jobs"): "job",
        ("file", "calendars"): "calendar",
        ("file", "queues"): "pool",
        ("file", "channels"): "channel",
        ("job", "params"): "param",
        ("job", "outputs"): "param",
        ("job", "steps"): "step",
        ("step", "outputs"): "param",
    },
    one_maps={
        ("file", "defaults"): "defaults",
        ("job", "schedule"): "schedule",
        ("job", "triggers"): "trigger",
        ("job", "expect"): "expect",
        ("expect", "files"): "made",
        ("trigger", "webhook"): "webhook",
        ("trigger", "file"): "files",
        ("trigger", "after"): "after",
        ("param", "items"): "items",
        ("channel", "http"): "http",
        ("channel", "quiet"): "quiet",
        ("channel", "digest"): "digest",
        ("digest", "schedule"): "schedule",
        **{(holder, "http"): "http" for holder in ("job", "step")},
        **{(holder, "env_file"): "env_file" for holder in ("job", "step", "defaults")},
        **{(holder, "container"): "container" for holder in ("job", "step")},
        **{(holder, "retry"): "retry" for holder in ("job", "step", "defaults")},
        **{
            (holder, key): key
            for holder in ("job", "defaults")
            for key in ("concurrency", "catchup", "limits")
        },
    },
    names={
        "jobs": "a job",
        "params": "a param",
        "vars": "a var",
        "env": "a variable",
        "secrets": "a variable",
        "calendars": "a calendar",
        "queues": "a queue",
        "channels": "a channel",
        "steps": "a step",
        "outputs": "an output",
        "matrix": "an axis of a matrix",
    },
    type_help={
        ("run", "a list"): "a list of words is a `command`; a script is text: `run: |`",
        ("env", "a list"): "write one `NAME: value` on each line",
        ("secrets", "a list"): "write each as `NAME: env:NAME` or `NAME: file:/path`",
        ("jobs", "a list"): "write each job under its name: `hello: {run: echo hello}`",
        ("params", "a list"): "write each param under its name: `day: {type: string}`",
        ("steps", "a list"): "write each step under its name: `build: {run: make}`",
        ("calendars", "a list"): "write each calendar under its name: `bank: {weekdays: [mon]}`",
        ("queues", "a list"): "write each queue under its name: `images: {slots: 2}`",
        ("channels", "a list"): "write each channel under its name: `oncall: {command: [./notify]}`",
        ("vars", "a list"): "write one `name: value` on each line",
        ("matrix", "a list"): "write each axis under its name: `region: [eu, us]`",
        ("notify", "a list"): "write the event first: `notify: {failed: [oncall]}`",
        ("runs_on", "a map"): "write the labels in a list: `runs_on: [gpu, eu]`",
        ("concurrency", "text"): "write `{limit: none}` to lift the limit",
    },
    knows_other_tools=True,
    has_pages=True,
)
"""jobs.yaml, and what it includes."""

CASE_FILE = Form(
    schema="cases",
    entries="tests",
    entry="case",
    entry_keys=("job", "given", "expect"),
    entry_needs="a case needs `job` and `expect`",
    smallest_entry={"job": "a", "expect": {}},
    named_maps={("file", "tests"): "case"},
    one_maps={
        ("case", "given"): "given",
        ("case", "expect"): "expect",
        ("given", "trigger"): "trigger",
        ("given", "attempts"): "attempt",
        ("trigger", "file"): "file_event",
        ("trigger", "after"): "after_event",
        ("expect", "fires"): "fires",
    },
    type_help={
        (
            "tests",
            "a list",
        ): "write each case under its name: `it works: {job: hello, expect: {state: succeeded}}`",
        ("env", "a list"): "write one `NAME: value` on each line",
        ("params", "a list"): "write one `NAME: value` on each line",
        ("file", "text"): "write `file: {name: a.csv}`",
        ("after", "text"): "write `after: {job: load}`",
    },
)
"""*.test.yaml: cases beside the jobs, for `jobfile test`."""
