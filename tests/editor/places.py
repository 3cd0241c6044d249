"""The places of a job file whose keys are fixed by the schema."""

from dataclasses import dataclass, field
from typing import Any

from tests.language.test_schema import SCHEMA, resolved

DEFINITIONS = SCHEMA["definitions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A map in a file: the lines above it, its indentation, and its keys in the schema."""

    above: str
    indent: str = ""
    schema: dict[str, Any]
    needed: dict[str, str] = field(default_factory=dict)
    """The keys that the map must have, with values."""

    @property
    def keys(self) -> dict[str, Any]:
        """The schema of each key."""
        return {key: resolved(part) for key, part in self.schema["properties"].items()}

    def text(self, line: str) -> str:
        """A file with one line at this place."""
        return f"{self.above}{self.indent}{line}"

    def good(self, key: str, value: str) -> str:
        """A file with a key at this place, and the required keys beside it."""
        beside = [f"{name}: {text}" for name, text in self.needed.items() if name != key]
        return self.above + "".join(f"{self.indent}{line}\n" for line in (*beside, f"{key}: {value}"))


JOB = "version: 1\njobs:\n  a:\n"
FOUR = " " * 4
SIX = " " * 6
EIGHT = " " * 8
PARAM = f"{JOB}    params:\n      p:\n"
PLACES = {
    "file": Place(above="", schema=SCHEMA, needed={"version": "1"}),
    "defaults": Place(above="version: 1\ndefaults:\n", indent=" " * 2, schema=DEFINITIONS["defaults"]),
    "job": Place(above=JOB, indent=" " * 4, schema=DEFINITIONS["job"]),
    "schedule": Place(above=f"{JOB}    schedule:\n", indent=" " * 6, schema=DEFINITIONS["schedule"]),
    "retry": Place(above=f"{JOB}    retry:\n", indent=" " * 6, schema=DEFINITIONS["retry"]),
    "concurrency": Place(above=f"{JOB}    concurrency:\n", indent=" " * 6, schema=DEFINITIONS["concurrency"]),
    "catchup": Place(above=f"{JOB}    catchup:\n", indent=" " * 6, schema=DEFINITIONS["catchup"]),
    "limits": Place(above=f"{JOB}    limits:\n", indent=" " * 6, schema=DEFINITIONS["limits"]),
    "env_file": Place(
        above=f"{JOB}    env_file:\n", indent=" " * 6, schema=DEFINITIONS["env_file"], needed={"path": "p"}
    ),
    "container": Place(
        above=f"{JOB}    container:\n", indent=" " * 6, schema=DEFINITIONS["container"], needed={"image": "x"}
    ),
    "param": Place(above=PARAM, indent=" " * 8, schema=DEFINITIONS["param"], needed={"type": "string"}),
    "items": Place(
        above=f"{PARAM}        type: array\n        items:\n",
        indent=" " * 10,
        schema=DEFINITIONS["items"],
        needed={"type": "string"},
    ),
}
PLACES |= {
    "calendar": Place(
        above="version: 1\ncalendars:\n  c:\n",
        indent=FOUR,
        schema=DEFINITIONS["calendar"],
        needed={"weekdays": "[mon]"},
    ),
    "made": Place(
        above=f"{JOB}    expect:\n      files:\n        -\n",
        indent=" " * 10,
        schema=DEFINITIONS["made"],
        needed={"path": "p"},
    ),
    "pool": Place(
        above="version: 1\nqueues:\n  q:\n", indent=FOUR, schema=DEFINITIONS["pool"], needed={"slots": "1"}
    ),
    "channel": Place(above="version: 1\nchannels:\n  c:\n", indent=FOUR, schema=DEFINITIONS["channel"]),
    "quiet": Place(
        above="version: 1\nchannels:\n  c:\n    quiet:\n", indent=SIX, schema=DEFINITIONS["quiet"]
    ),
    "digest": Place(
        above="version: 1\nchannels:\n  c:\n    digest:\n",
        indent=SIX,
        schema=DEFINITIONS["digest"],
        needed={"schedule": "'@daily'"},
    ),
    "trigger": Place(above=f"{JOB}    triggers:\n      -\n", indent=EIGHT, schema=DEFINITIONS["trigger"]),
    "webhook": Place(
        above=f"{JOB}    triggers:\n      - webhook:\n",
        indent=" " * 10,
        schema=DEFINITIONS["webhook"],
        needed={"path": "p"},
    ),
    "files": Place(
        above=f"{JOB}    triggers:\n      - file:\n",
        indent=" " * 10,
        schema=DEFINITIONS["files"],
        needed={"path": "/p"},
    ),
    "after": Place(
        above=f"{JOB}    triggers:\n      - after:\n",
        indent=" " * 10,
        schema=DEFINITIONS["after"],
        needed={"job": "j"},
    ),
    "http": Place(above=f"{JOB}    http:\n", indent=SIX, schema=DEFINITIONS["http"], needed={"url": "u"}),
    "expect": Place(above=f"{JOB}    expect:\n", indent=SIX, schema=DEFINITIONS["expect"]),
    "step": Place(above=f"{JOB}    steps:\n      s:\n", indent=EIGHT, schema=DEFINITIONS["step"]),
}
KEYS = [(name, key) for name, place in PLACES.items() for key in place.keys]


def branches(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema, or its alternatives."""
    return [resolved(part) for part in schema.get("anyOf", [schema])]
