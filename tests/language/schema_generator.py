"""Generates job files from the JSON Schema of the language: valid ones, edge cases, and partly wrong ones."""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).parents[2] / "schemas" / "job.schema.json"

TEXTS = """
x|a|b|5m|90s|1h30m|none|0 4 * * *|*/7 2 * * mon-fri|0 0 L * *|61 * * * *|@daily|UTC|Europe/Oslo|Mars/Base
22:30|25:00|2026-03-05|2026-03-05T07:00|2026-02-30|{{ params.a }}|{{ vars.a }}|{{ run.id }}
{{ steps.a.status }}|{{ item }}|{{|{%|echo {{ params.a }}|echo '{{ run.job }}' "{{ vars.b }}"
cat <<E\\n{{ run.id }}\\nE|sh -c {{ params.a }}|true|params.a == 'x'|env:X|file:/run/x|any|exit:7|exit:9-3
http:5xx|skip|last|a:b|https://example.com/{{ params.a }}|/hooks/a|*.csv|[a-z]+|(a+)+|$|é|日本|\u202e|-|~
null|no|0755|1_000|1e3|default|2030-01-01T00:00Z
"""
POOL = [text.replace("\\n", "\n") for text in TEXTS.strip().replace("\n", "|").split("|")]
NAMES = ["a", "b", "a", "b", "c-d", "A", "", "x" * 64, "é", "on"]
NUMBERS = [0, 1, -1, 2, 5, 100, 101, 1000, 1001, 2**31, 2**53, 10**18, 0.5, -0.0, 1e300]
WORDS = {
    "cron": ["0 4 * * *", "30 2 * * sun", "0 4 13 * fri", "*/15 * * * *"],
    "schedule": ["0 4 * * *", "17 3 1 * *"],
    "every": ["5m", "24h", "90s"],
    "at": ["2027-03-05T07:00"],
    "time": ["07:00"],
    "timezone": ["UTC", "Europe/Oslo", "America/New_York"],
    "calendar": ["a", "b"],
    "queue": ["default", "a"],
    "if": ["true", "params.a == 'x'", "run.attempt > 1"],
    "for_each": ["vars.b", "['x', 'y']"],
    "python": ["a:b", "shop.report:main"],
    "url": ["https://example.com/{{ run.id }}"],
    "pattern": ["[a-z]+", "a|b"],
    "job": ["a", "b"],
    "after": ["a", "b"],
    "secret": ["TOKEN"],
    "run": ["echo hi", "echo {{ run.id }}", "true\necho '{{ vars.a }}'"],
    "from": ["2026-01-01"],
    "until": ["2031-01-01"],
    "renamed_from": ["old"],
    "owner": ["a@example.com"],
    "working_dir": ["/srv/a"],
    "except": ["2026-12-25"],
    "also": ["2026-12-26"],
    "include": ["jobs/*.yaml"],
}
WORDS |= {"secrets": ["env:TOKEN", "file:/run/token"], "notify": ["a"], "when": ["any", "timeout"]}
PARAMS: list[dict[str, Any]] = [
    {"type": "string", "default": "x", "pattern": "[a-z]*"},
    {"type": "integer", "default": 3, "minimum": 0},
    {"type": "number", "default": 0.5},
    {"type": "boolean", "default": False},
    {"type": "array", "items": {"type": "string"}, "default": []},
    {"type": "array", "items": {"type": "integer"}, "default": [1, 2], "maxItems": 3},
    {"type": "string", "default": "", "enum": ["", "x"]},
]
DURATIONS = {"timeout", "delay", "max_delay", "kill_grace", "start_deadline", "window", "spread", "settle"}
DURATIONS |= {"success_every", "max_duration"}
ACTIONS = ("run", "command", "python", "http", "steps")
MAX_DEPTH = 9


@cache
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text())
    return loaded


class Generator:
    """Generates values; `wrong` is the share of values that may violate the schema."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.wrong = self.chance.choice([0, 0, 0, 0.01, 0.05, 0.3])

    def files(self) -> list[tuple[str, bytes]]:
        """A main file, and sometimes others that it includes."""
        main = self.file()
        files: list[tuple[str, bytes]] = []
        if self.chance.random() < 0.3:
            main["include"] = ["jobs/*.yaml"]
            for number in range(self.chance.randint(1, 3)):
                tree = self.file()
                kept = tree if self.chance.random() < 0.1 else {"version": 1, "jobs": tree.get("jobs", {})}
                if self.wrong == 0 and isinstance(kept.get("jobs"), dict):
                    kept["jobs"] = {f"{name}{number}": job for name, job in kept["jobs"].items()}
                files.append((f"jobs/{number}.yaml", dumped(kept)))
        return [("jobs.yaml", dumped(main)), *files]

    def file(self) -> dict[str, Any]:
        tree = self.value(schema(), "file", 0)
        if not isinstance(tree, dict) or self.wrong == 0:
            tree = tree if isinstance(tree, dict) else {}
            tree.pop("include", None)
            tree |= {"version": 1, "vars": {"a": "x", "b": ["y", "z"]}, "queues": {"a": {"slots": 2}}}
            tree["channels"] = {"a": {"command": ["notify-send", "{{ event.title }}"]}}
            tree["calendars"] = {name: {"weekdays": ["mon", "fri"]} for name in "ab"}
        return tree

    def value(self, about: Any, key: str, depth: int) -> Any:
        if self.chance.random() < self.wrong:
            return self.anything(depth)
        if key in ("params", "outputs") and self.wrong == 0 and depth < MAX_DEPTH:
            return {name: self.chance.choice(PARAMS) for name in "ab"}
        about = resolved(about)
        if "anyOf" in about:
            return self.value(self.chance.choice(about["anyOf"]), key, depth)
        if "const" in about or "enum" in about:
            return self.chance.choice(about.get("enum") or [about["const"]])
        kinds = about.get("type", "string")
        usual = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null"]
        if not usual:
            return None
        kind = usual[0] if self.chance.random() < 0.9 else self.chance.choice(usual)
        if kind == "object":
            return self.map(about, key, depth)
        if kind == "array":
            least = about.get("minItems", 0)
            count = self.chance.randint(least, max(least, 3))
            return [self.value(about.get("items", {}), key, depth + 1) for _ in range(count)]
        if kind in ("integer", "number"):
            low, high = about.get("minimum", 0), about.get("maximum", 100)
            return self.chance.choice([low, high, self.chance.randint(int(low), int(high))])
        return self.chance.random() < 0.5 if kind == "boolean" else self.text(key)

    def text(self, key: str) -> str:
        if self.chance.random() < self.wrong * 2:
            return self.chance.choice(POOL)
        words = ["5m", "90s", "1h"] if key in DURATIONS else WORDS.get(key, ["x", "a", "b"])
        return self.chance.choice(words)

    def map(self, about: dict[str, Any], key: str, depth: int) -> dict[str, Any]:
        keys = about.get("properties", {})
        share = 0.15 if depth < MAX_DEPTH else 0
        needed = (*about.get("required", ()), *(("jobs",) if key == "file" else ()))
        chosen = [one for one in keys if one in needed or self.chance.random() < share]
        if self.chance.random() >= self.wrong and "run" in keys:
            chosen = [one for one in chosen if one not in ACTIONS]
            usable = [one for one in ACTIONS if one in keys]
            chosen.append(self.chance.choice(usable if depth < 4 else usable[:3]))
        if key == "schedule" and "cron" in keys and self.chance.random() >= self.wrong:
            chosen = [one for one in chosen if one not in ("every", "at", "business_day", "time")]
            chosen = list(dict.fromkeys([*chosen, "cron"]))
        made = {one: self.value(keys[one], one, depth + 1) for one in chosen}
        more = about.get("additionalProperties")
        if isinstance(more, dict) and depth < MAX_DEPTH and not keys:
            pool = NAMES if self.wrong else ["a", "b", "c"]
            upper = resolved(about.get("propertyNames", {}))
            for name in self.chance.sample(pool, self.chance.randint(1, 2)):
                name = self.chance.choice(upper["enum"]) if "enum" in upper else name
                made[name] = self.value(more, key, depth + 1)
        if self.chance.random() < self.wrong:
            made[self.chance.choice([*NAMES, *WORDS])] = self.anything(depth)
        return made

    def anything(self, depth: int) -> Any:
        kind = self.chance.randrange(7 if depth < MAX_DEPTH else 5)
        if kind < 3:
            return self.chance.choice(POOL)
        if kind == 5:
            return [self.anything(depth + 1) for _ in range(self.chance.randrange(3))]
        if kind == 6:
            keys = [*NAMES, *WORDS]
            return {
                self.chance.choice(keys): self.anything(depth + 1) for _ in range(self.chance.randrange(3))
            }
        return self.chance.choice(NUMBERS) if kind == 3 else self.chance.choice([None, True, False])

    def shuffled(self, value: Any, key: str = "") -> Any:
        """The same value with its maps in another order, except steps, whose order has a meaning."""
        if isinstance(value, list):
            return [self.shuffled(item) for item in value]
        if not isinstance(value, dict):
            return value
        names = list(value)
        if key != "steps":
            self.chance.shuffle(names)
        return {name: self.shuffled(value[name], name) for name in names}


def resolved(about: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference resolved."""
    while "$ref" in about or ("allOf" in about and "$ref" in about["allOf"][0]):
        path = about.get("$ref") or about["allOf"][0]["$ref"]
        about = schema()
        for step in path.removeprefix("#/").split("/"):
            about = about[step]
    return about


def dumped(tree: object) -> bytes:
    """A job file as bytes: JSON, which is valid YAML."""
    return json.dumps(tree, indent=1).encode()
