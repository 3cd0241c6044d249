"""The language server as an editor drives it: a real process, real messages. `§` is the cursor."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.editor.language_server import LanguageServer, ServerError

JOBFILE = Path(sys.executable).parent / "jobfile"
TEXT = """\
version: 1
vars: {lake: s3://acme}
defaults: {timezone: Europe/Oslo}
calendars:
  bank: {weekdays: [mon, tue, wed, thu, fri]}
channels:
  oncall: {command: [tell, "{{ event.title }}"]}
jobs:
  load:
    description: 🚀 load, and tell
    schedule: {cron: "30 6 * * mon", calendar: bank}
    params:
      day: {type: string, default: today, description: the day to load}
    steps:
      fetch:
        run: echo {{ params.day }} {{ vars.lake }}
      store:
        needs: [fetch]
        run: echo {{ steps.fetch.status }}
    notify: {failed: [oncall]}
  tell:
    triggers: [{after: load}]
    run: echo
"""


class Client:
    """Opens texts in a folder of their own each, and asks at the cursor."""

    def __init__(self, server: LanguageServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._numbers = itertools.count(1)

    def open(self, text: str, **others: str) -> str:
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        for name, content in others.items():
            (folder / f"{name}.yaml").write_text(content)
        uri = (folder / "jobs.yaml").as_uri()
        self.server.open(uri, text)
        return uri

    def ask(self, method: str, text: str, **more: Any) -> Any:
        before, _, after = text.partition("§")
        return self.at(method, self.open(before + after), before, **more)

    def at(self, method: str, uri: str, before: str, **more: Any) -> Any:
        last = before.rpartition("\n")[2]
        position = {"line": before.count("\n"), "character": len(last.encode("utf-16-le")) // 2}
        asked = {"textDocument": {"uri": uri}, "position": position, **more}
        return self.server.request(f"textDocument/{method}", asked)

    def labels(self, text: str) -> list[str]:
        return [item["label"] for item in self.ask("completion", text)["items"]]

    def hover(self, text: str) -> str:
        answer = self.ask("hover", text)
        return answer["contents"]["value"] if answer else ""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder = tmp_path_factory.mktemp("lsp")
    with LanguageServer([JOBFILE, "lsp"], said=folder / "stderr") as server:
        yield Client(server, folder)


def cursor(after: str, text: str = TEXT) -> str:
    """The text with the cursor behind the first occurrence of something."""
    at = text.index(after) + len(after)
    return text[:at] + "§" + text[at:]


def test_mistakes_are_marked_where_they_are_as_you_type(client: Client) -> None:
    uri = client.open(TEXT)
    assert client.server.marks(uri) == []
    client.server.change(uri, TEXT.replace("description: 🚀 load, and tell", "tags: [🚀, Bad]"))
    marks = client.server.marks(uri)
    assert [mark["code"] for mark in marks] == ["JF105", "JF105"]
    assert marks[1]["range"]["start"] == {"line": 9, "character": 15}, "the rocket is two units of UTF-16"
    assert marks[1]["severity"] == 1
    client.server.change(uri, TEXT)
    assert client.server.marks(uri) == []


def test_all_mistakes_of_a_job_are_marked_at_once(client: Client) -> None:
    uri = client.open(
        "version: 1\njobs:\n  a: {rum: x, retries: 3, timeout: 5 minutes, timezone: Mars/Base}\n"
    )
    assert [mark["code"] for mark in client.server.marks(uri)] == ["JF101", "JF115", "JF110", "JF305"]


def test_a_second_place_and_the_help_come_with_the_mark(client: Client) -> None:
    uri = client.open("version: 1\njobs:\n  a: {run: x}\n  a: {run: y}\n")
    (mark,) = client.server.marks(uri)
    assert mark["relatedInformation"][0]["location"]["range"]["start"] == {"line": 2, "character": 2}
    assert "help: keep one of them" in mark["message"]


def test_an_included_file_is_looked_at_with_its_set(client: Client) -> None:
    main = "version: 1\ninclude: [more.yaml]\nqueues: {db: {slots: 1}}\njobs: {}\n"
    uri = client.open(main, more="version: 1\njobs: {a: {queue: db, run: echo}}\n")
    assert client.server.marks(uri) == []
    other = uri.replace("jobs.yaml", "more.yaml")
    Path(uri.removeprefix("file://")).write_text(main)
    client.at("hover", uri, "")  # once it answers, all earlier notifications have arrived
    client.server.open(other, "version: 1\njobs: {a: {queue: bd, run: echo}}\n")
    assert [mark["code"] for mark in client.server.marks(other)] == ["JF204"]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("    schedu", "When it starts: cron, a map, or a list"),
        ('cron: "30 6', "at 06:30 on Monday"),
        ('cron: "30 6', "06:30:00 +0"),
        ("{{ params.da", "`params.day`: string"),
        ("{{ params.da", "default: `today`"),
        ("{{ vars.la", "value: `s3://acme`"),
        ("{{ steps.fetch.sta", "`steps.fetch.status`: string"),
        ("jobs:\n  lo", "from defaults ("),
        ("        nee", "Steps to wait for"),
    ],
)
def test_hover_shows_what_a_thing_is(client: Client, after: str, expected: str) -> None:
    assert expected in client.hover(cursor(after))


def test_hover_shows_the_next_five_fires(client: Client) -> None:
    assert client.hover(cursor('cron: "30 6')).count("\n- ") == 5


def test_hover_shows_nothing_where_there_is_nothing(client: Client) -> None:
    assert client.hover(cursor("the day to")) == ""


@pytest.mark.parametrize(
    ("text", "offered", "not_offered"),
    [
        ("version: 1\n§", {"jobs", "include", "calendars"}, {"version"}),
        ("version: 1\njobs:\n  a:\n    run: x\n    §", {"timeout", "retry", "steps"}, {"run", "slots"}),
        ("version: 1\njobs:\n  a:\n    run: x\n    timezone: Europe/§", {"Europe/Oslo"}, {"timeout"}),
        ("version: 1\njobs:\n  a:\n    run: x\n    catchup: §", {"none", "last", "all"}, set()),
        ("version: 1\njobs:\n  a:\n    run: x\n    enabled: §", {"true", "false"}, set()),
        ("version: 1\njobs:\n  a:\n    run: x\n    retry: {attempts: 3, §", {"delay", "backoff"}, set()),
        ("version: 1\njobs:\n  a:\n    run: x\n    retry: {backoff: §", {"linear"}, {"delay"}),
    ],
)
def test_completion_offers_what_is_possible_there(
    client: Client, text: str, offered: set[str], not_offered: set[str]
) -> None:
    labels = set(client.labels(text))
    assert offered <= labels
    assert not labels & not_offered


@pytest.mark.parametrize(
    ("after", "typed", "offered"),
    [
        ("        needs: [", "", {"fetch"}),
        ("calendar: ", "", {"bank"}),
        ("{failed: [", "", {"oncall"}),
        ("triggers: [{after: ", "", {"load"}),
        ("run: echo {{ ", "", {"params.day", "vars.lake", "run.scheduled_at"}),
        ("run: echo {{ params.day ", "| ", {"upper", "default", "date"}),
        ("    run: echo\n", "    timeo", {"timeout"}),
        ("        needs: [fetch]\n", "        i", {"if", "for_each"}),
    ],
)
def test_completion_knows_the_names_of_the_file(
    client: Client, after: str, typed: str, offered: set[str]
) -> None:
    """The text was good, and then something is typed that breaks it."""
    uri = client.open(TEXT)
    assert client.server.marks(uri) == []
    before, _, rest = cursor(after).partition("§")
    broken = before + typed + ("\n" if after.endswith("\n") else "") + rest
    client.server.change(uri, broken)
    client.server.marks(uri)
    items = client.at("completion", uri, before + typed)["items"]
    assert offered <= {item["label"] for item in items}


@pytest.mark.parametrize("typed", ["runs_on: ", "runs_on: [", "runs_on: [eu, g"])
def test_completion_knows_the_labels_that_jobs_name(client: Client, typed: str) -> None:
    before = "version: 1\njobs:\n  a: {run: ls, runs_on: [gpu, eu, No]}\n  b:\n    run: ls\n    "
    uri = client.open(before)
    client.server.change(uri, before + typed)
    client.server.marks(uri)
    items = client.at("completion", uri, before + typed)["items"]
    assert [item["label"] for item in items] == ["eu", "gpu"]


@pytest.mark.parametrize(
    ("after", "line", "column"),
    [
        ("needs: [fet", 14, 6),
        ("calendar: ba", 4, 2),
        ("{failed: [onc", 6, 2),
        ("triggers: [{after: lo", 8, 2),
        ("{{ params.da", 12, 6),
        ("{{ vars.la", 1, 7),
        ("{{ steps.fet", 14, 6),
    ],
)
def test_a_name_leads_to_where_it_is_written(client: Client, after: str, line: int, column: int) -> None:
    found = client.ask("definition", cursor(after))
    assert found["range"]["start"] == {"line": line, "character": column}


def test_a_mistake_with_a_fix_is_corrected_by_it(client: Client) -> None:
    text = "version: 1\njobs:\n  a: {tags: [🚀], rum: echo, timeout: 30}\n"
    uri = client.open(text)
    marks = client.server.marks(uri)
    (typo,) = [mark for mark in marks if mark["code"] == "JF101"]
    asked = {"textDocument": {"uri": uri}, "range": typo["range"], "context": {"diagnostics": []}}
    actions = client.server.request("textDocument/codeAction", asked)
    fixes = [one for one in actions if one["kind"] == "quickfix"]
    assert [one["title"] for one in fixes] == ["replace with `run`"]
    assert fixes[0]["isPreferred"]
    (edit,) = fixes[0]["edit"]["changes"][uri]
    assert edit == {"range": typo["range"], "newText": "run"}
    assert typo["range"]["start"]["character"] == len("  a: {tags: [🚀], ".encode("utf-16-le")) // 2


def test_all_safe_fixes_come_as_one_action(client: Client) -> None:
    uri = client.open("version: 1\njobs:\n  a: {run: echo, timeout: 30, kill_grace: 5}\n")
    assert len(client.server.marks(uri)) == 2
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 3, "character": 0}}
    asked = {
        "textDocument": {"uri": uri},
        "range": whole,
        "context": {"diagnostics": [], "only": ["source.fixAll"]},
    }
    (action,) = client.server.request("textDocument/codeAction", asked)
    assert [edit["newText"] for edit in action["edit"]["changes"][uri]] == ["30s", "5s"]


def test_a_job_is_renamed_everywhere(client: Client) -> None:
    for after in ("jobs:\n  lo", "triggers: [{after: lo"):
        before, _, rest = cursor(after).partition("§")
        uri = client.open(before + rest)
        assert client.at("prepareRename", uri, before)["start"]["line"] in (8, 21)
        edits = client.at("rename", uri, before, newName="fill")["changes"][uri]
        assert sorted(edit["range"]["start"]["line"] for edit in edits) == [8, 9, 21]
        assert {edit["newText"] for edit in edits} == {"fill", "renamed_from: load\n    "}


def test_a_name_that_no_job_can_have_is_refused(client: Client) -> None:
    before, _, rest = cursor("jobs:\n  lo").partition("§")
    uri = client.open(before + rest)
    with pytest.raises(ServerError, match="already a job `tell`"):
        client.at("rename", uri, before, newName="tell")
    with pytest.raises(ServerError, match="a letter first"):
        client.at("rename", uri, before, newName="No Name")
    assert client.ask("prepareRename", cursor("the day to")) is None


def test_columns_are_right_with_windows_line_ends_and_tabs(client: Client) -> None:
    uri = client.open("version: 1\r\njobs:\r\n  a:\r\n    rum: echo # 🚀\r\n")
    marks = client.server.marks(uri)
    assert marks[0]["range"] == {"start": {"line": 3, "character": 4}, "end": {"line": 3, "character": 7}}


def other_file(client: Client, name: str, text: str) -> str:
    folder = client.folder / f"other-{name}"
    folder.mkdir()
    uri = (folder / name).as_uri()
    client.server.open(uri, text)
    return uri


@pytest.mark.parametrize(
    ("name", "text", "is_ours"),
    [
        ("docker-compose.yaml", "services: {db: {image: x}}\n", False),
        ("values.yml", "replicas: 3\n", False),
        ("team.jobs.yaml", "replicas: 3\n", True),
        ("work.yaml", "version: 1\njobs: {a: {rum: x}}\n", True),
    ],
)
def test_only_job_files_are_marked(client: Client, name: str, text: str, is_ours: bool) -> None:
    assert bool(client.server.marks(other_file(client, name, text))) == is_ours


def test_half_a_pair_of_utf_16_is_a_mark_and_no_end(client: Client) -> None:
    uri = client.open("version: 1\njobs: {a: {run: 'echo \ud800'}}\n")
    client.server.marks(uri)
    client.server.change(uri, "version: 1\njobs: {a: {run: echo}}\n")
    assert client.server.marks(uri) == []


def test_a_fix_keeps_the_line_ends_of_its_file(client: Client) -> None:
    uri = client.open("version: 1\r\njobs:\r\n  a: {run: x, tags: [a,\r\n  b], timeout: 30}\r\n")
    for mark in client.server.marks(uri):
        asked = {"textDocument": {"uri": uri}, "range": mark["range"], "context": {"diagnostics": []}}
        for action in client.server.request("textDocument/codeAction", asked):
            for edit in action["edit"]["changes"][uri]:
                assert edit["newText"].count("\n") == edit["newText"].count("\r\n")


def test_one_of_two_fixes_that_touch_is_applied_completely(client: Client) -> None:
    """A key given twice, with a mistake in it: no fix is applied partly."""
    text = "version: 1\njobs:\n  a: {rum: x}\n  b: {timout: 5m, run: x, retrie: 2}\n"
    uri = client.open(text)
    client.server.marks(uri)
    whole = {"start": {"line": 0, "character": 0}, "end": {"line": 4, "character": 0}}
    asked = {
        "textDocument": {"uri": uri},
        "range": whole,
        "context": {"diagnostics": [], "only": ["source.fixAll"]},
    }
    (action,) = client.server.request("textDocument/codeAction", asked)
    texts = [edit["newText"] for edit in action["edit"]["changes"][uri]]
    assert texts == ["run", "timeout", "retry"]


def test_a_server_asks_for_whole_texts(client: Client) -> None:
    uri = client.open("version: 1\njobs: {a: {run: echo}}\n")
    assert client.server.marks(uri) == []
    client.server.change(uri, "version: 1\n# \u2028 \x0c\njobs: {a: {rum: echo}}\n")
    lines = {mark["range"]["start"]["line"] for mark in client.server.marks(uri)}
    assert lines == {1}, "the sign that is forbidden there"


def formatted(client: Client, uri: str) -> list[dict[str, Any]]:
    options = {"textDocument": {"uri": uri}, "options": {"tabSize": 8, "insertSpaces": False}}
    edits: list[dict[str, Any]] = client.server.request("textDocument/formatting", options)
    return edits


def test_a_file_is_laid_out_as_fmt_does_it(client: Client) -> None:
    text = "version: 1\njobs:\n    a:\n        run:   echo 🚀"
    (edit,) = formatted(client, client.open(text))
    assert edit["range"] == {"start": {"line": 0, "character": 0}, "end": {"line": 3, "character": 22}}
    assert edit["newText"] == "version: 1\njobs:\n  a:\n    run: echo 🚀\n"
    assert formatted(client, client.open(edit["newText"])) == []
    assert formatted(client, client.open("version: 1\njobs: [\n")) == [], "its mistake is marked"
    assert formatted(client, other_file(client, "compose.yaml", "services:   {}\n")) == [], "not ours"


def tree(symbols: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["name"]: tree(one["children"]) for one in symbols}


def test_the_outline_has_what_a_file_declares(client: Client) -> None:
    asked = {"textDocument": {"uri": client.open(TEXT)}}
    symbols = client.server.request("textDocument/documentSymbol", asked)
    assert tree(symbols) == {
        "vars": {"lake": {}},
        "calendars": {"bank": {}},
        "channels": {"oncall": {}},
        "jobs": {"load": {"params": {"day": {}}, "steps": {"fetch": {}, "store": {}}}, "tell": {}},
    }
    load = symbols[3]["children"][0]
    assert load["detail"] == "🚀 load, and tell"
    assert load["selectionRange"]["start"] == {"line": 8, "character": 2}
    broken = TEXT.replace("run: echo {{ params", "rum: echo {{ params").replace("fetch:", "fetch:\n       ")
    uri = client.open(broken)
    shown = client.server.request("textDocument/documentSymbol", {"textDocument": {"uri": uri}})
    assert "load" in tree(shown)["jobs"], "a job with mistakes stays in the outline"


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ('    schedule: "0 4 * * *"\n    timezone: Asia/Tokyo', '"0 4 *', "**every day at 04:00, Asia/Tokyo"),
        ('    schedule: "0 4 * * *"\n    timezone: Asia/Tokyo', "    sche", "04:00:00 +0900"),
        ('    schedule: ["0 4 * * *", {every: 10m}]', "{every: 10", "**every 10 minutes**"),
        ('    schedule: {cron: "0 4 * * *"}\n    timeout: 5 x', '"0 4 *', "at 04:00"),
    ],
)
def test_a_schedule_is_shown_in_words_also_beside_mistakes(
    client: Client, text: str, after: str, expected: str
) -> None:
    whole = f"version: 1\njobs:\n  b: {{rum: x}}\n  a:\n{text}\n    run: x\n"
    told = client.hover(cursor(after, whole))
    assert expected in told
    assert told.count("\n- ") >= 3, "the next fires"


def test_a_schedule_with_a_mistake_is_not_reported(client: Client) -> None:
    for text in ('    schedule: "0 4 * * 9"', '    schedule: "0 4 * * *"\n    timezone: Mars/Base'):
        whole = f"version: 1\njobs:\n  a:\n{text}\n    run: x\n"
        assert client.hover(cursor('"0 4', whole)) == ""


PARAMS = """\
version: 1
jobs:
  load:
    schedule: {cron: "0 4 * * *", with: {day: monday}}
    params: {day: {type: string}, days: {type: integer, default: 1}}
    steps:
      fetch: {run: 'echo {{ params.day }} "$JOBFILE_PARAM_DAY" {{ params.days }}'}
      store: {needs: [fetch], if: params.day != 'x', run: "echo {{ steps.fetch.status }}"}
"""


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    lines = text.splitlines(keepends=True)
    for edit in sorted(edits, key=lambda one: one["range"]["start"]["character"], reverse=True):
        start, end = edit["range"]["start"], edit["range"]["end"]
        line = lines[start["line"]]
        lines[start["line"]] = line[: start["character"]] + edit["newText"] + line[end["character"] :]
    return "".join(lines)


@pytest.mark.parametrize(
    ("after", "new", "expected"),
    [
        ("{{ params.da", "when", PARAMS.replace("DAY ", "WHEN ")),
        ("if: params.da", "when", PARAMS),
        ("with: {da", "when", PARAMS),
        ("{{ steps.fet", "get", PARAMS.replace("fetch", "get")),
        ("needs: [fet", "get", PARAMS.replace("fetch", "get")),
        ("  fet", "get", PARAMS.replace("fetch", "get")),
    ],
)
def test_a_param_or_a_step_is_renamed_everywhere(client: Client, after: str, new: str, expected: str) -> None:
    if new == "when":
        expected = (
            PARAMS.replace("day:", "when:").replace("params.day ", "params.when ").replace("DAY", "WHEN")
        )
    before, _, rest = cursor(after, PARAMS).partition("§")
    uri = client.open(before + rest)
    place = client.at("prepareRename", uri, before)
    assert place["start"]["line"] == place["end"]["line"] == before.count("\n")
    changes = client.at("rename", uri, before, newName=new)["changes"]
    assert applied(PARAMS, changes[uri]) == expected


def test_a_rename_reaches_the_files_of_cases(client: Client) -> None:
    cases = "version: 1\ntests:\n  a: {job: load, given: {params: {day: x}}, expect: {state: succeeded}}\n"
    before, _, rest = cursor("if: params.da", PARAMS).partition("§")
    uri = client.open(before + rest)
    path = Path(uri.removeprefix("file://")).with_name("a.test.yaml")
    path.write_text(cases)
    changes = client.at("rename", uri, before, newName="when")["changes"]
    assert applied(cases, changes[path.as_uri()]) == cases.replace("day", "when")
    path.write_text(cases.replace("tests:", "jobs: other.yaml\ntests:"))
    assert path.as_uri() not in client.at("rename", uri, before, newName="when")["changes"]


def test_a_rename_that_would_break_something_is_refused(client: Client) -> None:
    def refusal(text: str, after: str, new: str) -> str:
        before, _, rest = cursor(after, text).partition("§")
        uri = client.open(before + rest)
        with pytest.raises(ServerError) as refused:
            client.at("rename", uri, before, newName=new)
        return str(refused.value)

    assert "there is already a param `days` in job `load`" in refusal(PARAMS, "with: {da", "days")
    assert "`Get` is not a valid step name" in refusal(PARAMS, "needs: [fet", "Get")
    assert "these files have errors" in refusal(PARAMS + "  b: {rum: x}\n", "needs: [fet", "get")
    shared = "defaults: {env: {X: '{{ params.day }}'}}\n"
    two = (
        PARAMS.replace("jobs:", f"{shared}jobs:")
        + "  b: {run: echo, params: {day: {type: string, default: x}}}\n"
    )
    assert "this rename would break " in refusal(two, "with: {da", "when")
