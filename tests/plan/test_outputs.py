"""A plan as people and programs get it: the whole text of each form, and hostile files that stay text."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from jobfile.pipeline import compile_files
from jobfile.plan import JobFacts, Plan, Side, make_plan
from jobfile.plan.as_json import text_of, to_json
from jobfile.plan.fields import changed_fields, whole_fields
from jobfile.plan.filters import filtered
from jobfile.plan.groups import group_changes
from jobfile.plan.markdown import LIMIT, code, fenced, marker, plain, render_invalid, render_markdown
from jobfile.plan.page import render_page
from jobfile.plan.summary import render_summary
from jobfile.plan.text import render_text
from jobfile.plan.values import Filter
from tests.known import check_fits
from tests.plan.test_plan import NOON, hello, jobs, plan_of, side
from tests.soak import examples

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = Path(__file__).parents[2] / "schemas" / "plan.schema.json"
FACTS = {
    "nightly-orders": JobFacts(longest=timedelta(hours=2, minutes=11), of=20),
    "old-report": JobFacts(waiting=1, last_run="Mon 02 06:00Z succeeded"),
}
COMMIT = "8be1207" + "0" * 33


def the_plan() -> Plan:
    sides = []
    for name in ("before", "after"):
        compiled = compile_files([("jobs.yaml", (GOLDEN / f"{name}.yaml").read_bytes())])
        assert compiled.catalog is not None
        sides.append(compiled)
    before = Side(
        kind="engine",
        catalog=sides[0].catalog,
        diagnostics=sides[0].diagnostics,
        lineage="7" * 32,
        generation=41,
        applied_at=NOON.replace(day=2, hour=9, minute=14),
        revision="3f2a91c" + "0" * 33,
    )
    after = Side(
        kind="worktree",
        name="the work tree",
        catalog=sides[1].catalog,
        diagnostics=sides[1].diagnostics,
        revision=COMMIT,
        is_dirty=True,
        files=(("jobs.yaml", "a" * 64),),
    )
    return make_plan(before, after, now=NOON, facts=FACTS)


FORMS = {
    "plan.txt": lambda plan: render_text(plan, width=130),
    "narrow.txt": lambda plan: render_text(plan, width=70),
    "plan.md": lambda plan: render_markdown(plan, name="jobs.yaml", version="0.1.0"),
    "plan.json": lambda plan: text_of(to_json(plan, version="0.1.0")),
    "plan.html": render_page,
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_as_agreed(name: str, request: pytest.FixtureRequest) -> None:
    said = FORMS[name](the_plan())
    path = GOLDEN / name
    if request.config.getoption("--update"):
        path.write_text(said)
    assert said == path.read_text()


def test_the_narrow_text_fits_but_for_what_a_person_wrote() -> None:
    lines = render_text(the_plan(), width=70).splitlines()
    assert [line for line in lines if len(line) > 70 and "->" not in line and "!" not in line] == []


def test_the_json_is_what_its_schema_says() -> None:
    check_fits(json.loads(text_of(to_json(the_plan(), version="0.1.0"))), SCHEMA)


# Hostile files

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</code></summary></details><h1>hi",
    "`` ` ``` ~~~ ````",
    "@everyone and @octocat",
    "see #1, GH-2, octo/repo#3",
    "https://evil.example and www.evil.example",
    "[click](https://evil.example) ![x](https://evil.example/x.png)",
    "a | b \\| c",
    "**bold** _it_ ~~gone~~",
    "<!-- jobfile-plan:other -->",
    "--> <b>out</b>",
    "&lt;script&gt; &#60;b&#62;",
    "::error::fake",
    "$(touch x) ' \" \\",
]


def hostile(payload: str) -> tuple[str, str]:
    """The payload wherever a file may hold free text."""
    text = json.dumps(payload)
    before = hello(
        f"owner: {text}",
        f"description: {text}",
        f"env: {{A: {json.dumps('x' + payload)}}}",
        "run: echo 1",
        f"tags: [{text}]",
    )
    after = hello(
        f"owner: {json.dumps(payload + ' 2')}",
        f"description: {json.dumps(payload + ' 2')}",
        f"env: {{A: {text}}}",
        f"run: {json.dumps('echo ' + payload.replace('{{', '') + chr(10) + 'echo 2')}",
        f"tags: [{json.dumps(payload + '2')}]",
    )
    return before, after


def compiled_or_none(text: str) -> Side | None:
    compiled = compile_files([("jobs.yaml", text.encode("utf-8", "surrogatepass"))])
    return None if compiled.catalog is None else Side(kind="file", name="x", catalog=compiled.catalog)


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= {name for name, _ in attrs}


PAGE_TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "pre"}
PAGE_TAGS |= {"div", "svg", "line", "text", "rect", "ul", "li", "span", "br", "details", "summary"}
PAGE_TAGS |= {"table", "thead", "tbody", "tr", "th", "td"}
COMMENT_TAGS = {"details", "summary", "code", "sub"}
MENTION = re.compile(r"(?<![\w/])@\w|#\d|GH-\d|://|www\.", re.IGNORECASE)


FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def walk(tokens: list[Token]) -> list[Token]:
    return [one for token in tokens for one in (token, *walk(token.children or []))]


def assert_is_only_text(comment: str, links: str) -> None:
    tokens = walk(MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(comment))
    html = "".join(one.content for one in tokens if one.type in ("html_block", "html_inline"))
    tags = Tags()
    tags.feed(html)
    assert tags.found <= COMMENT_TAGS
    assert not tags.attributes
    assert comment.count("<!--") - html.count("<!--") == len(
        re.findall("<!--", "".join(c.content for c in tokens if c.type in ("fence", "code_inline")))
    )
    assert html.count("<!--") == 1
    assert not [
        one
        for one in tokens
        if one.type in ("image", "strong_open", "em_open", "s_open", "heading_open") and one.tag != "h3"
    ]
    hrefs = [str(one.attrs["href"]) for one in tokens if one.type == "link_open"]
    assert all(href.startswith(links) for href in hrefs)
    assert not [one.content for one in tokens if one.type == "text" and MENTION.search(one.content)]
    assert len({len(row.split("<td")) for row in rows_of(comment)}) <= 1


def rows_of(comment: str) -> list[str]:
    html = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(comment)
    return re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)[1:]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_file_says_stays_text_in_every_form(payload: str) -> None:
    sides = [compiled_or_none(text) for text in hostile(payload)]
    if None in sides:
        sides = [compiled_or_none(hello(f"owner: {json.dumps(payload + end)}")) for end in ("1", "2")]
    if None in sides:
        pytest.fail("the language refuses this payload everywhere: drop it")
    plan = make_plan(*sides, now=NOON)
    assert plan.jobs
    assert_stays_text(plan)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_file_says_for_many_jobs_stays_text_in_every_form(payload: str) -> None:
    name = "'a|<b>@me `x`.yaml'"
    sides = []
    for end in ("1", "2"):
        text = json.dumps(payload + end)
        jobs_of = "".join(f"  j{n}: {{command: [x], description: {text}}}\n" for n in range(3))
        defaults = f"defaults: {{owner: {text}, tags: [{text}]}}\n"
        written = f"version: 1\n{defaults}jobs:\n{jobs_of}"
        found = compile_files([(name, written.encode())])
        if found.catalog is None:
            found = compile_files([(name, written.replace(f", tags: [{text}]", "").encode())])
        assert found.catalog is not None
        sides.append(Side(kind="file", name=name, catalog=found.catalog, written=found.files))
    plan = make_plan(*sides, now=NOON)
    assert len(group_changes(plan).groups) >= 2
    assert_stays_text(plan)
    some = filtered(plan, Filter(owners=(payload + "1",)))
    assert len(some.jobs) == 3
    assert_stays_text(some)
    assert not FORBIDDEN.search(render_summary(some))


def assert_stays_text(plan: Plan) -> None:
    comment = render_markdown(plan, name="jobs.yaml", version="1", links="https://host/blob/")
    assert_is_only_text(comment, "https://host/blob/")
    tags = Tags()
    tags.feed(render_page(plan))
    assert tags.found <= PAGE_TAGS
    assert not {name for name in tags.attributes if name.startswith("on") or name in ("src", "href")}
    for said in (render_text(plan, is_full=True), comment, render_page(plan)):
        assert not FORBIDDEN.search(said)
    check_fits(json.loads(text_of(to_json(plan, version="1"))), SCHEMA)


@settings(max_examples=examples(150))
@given(st.text(st.sampled_from(list("`|@#<>&*_~[]()!\\:/w.-\n\r\x1b ag1")), max_size=30))
def test_any_text_stays_text(text: str) -> None:
    for written in (code(text), plain(text)):
        assert "\n" not in written
        row = rows_of(f"| a | b |\n|---|---|\n| {written} | c |\n")
        assert [cell.count("<td>") for cell in row] == [2]
        assert row[0].endswith("<td>c</td>\n")
        tokens = walk(MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(f"a {written} b"))
        types = {one.type for one in tokens}
        assert types <= {"paragraph_open", "paragraph_close", "inline", "text", "code_inline", "text_special"}
        assert not [one for one in tokens if one.type == "text" and MENTION.search(one.content)]
    inside = [one for one in walk(MarkdownIt().parse(fenced(text.replace("\r", ""), "text")))]
    assert [one.type for one in inside] == ["fence"]


def test_the_first_line_of_a_comment_is_closed_only_by_itself() -> None:
    assert marker("jobs.yaml") == "<!-- jobfile-plan:jobs.yaml -->"
    for name in ("a-->b", "a--!>b", "x\ny", "--->"):
        assert re.fullmatch(r"<!-- jobfile-plan:[^>\n]*? -->", marker(name))
        assert "--" not in marker(name)[4:-3]


# Size


def test_a_large_plan_is_cut_from_its_end_but_risks_stay() -> None:
    many = [f"j{number:04}: {{command: [x], timeout: 1h}}" for number in range(900)]
    other = [one.replace("1h", f"{number + 61}m") for number, one in enumerate(many)]
    other[899] = other[899].replace("timeout", "concurrency: 5, timeout")
    plan = plan_of(jobs(*many), jobs(*other))
    comment = render_markdown(plan, name="jobs.yaml", version="1")
    assert len(comment) <= LIMIT
    assert "at most 1 at once becomes 5" in comment
    assert "<code>j0899</code>" in comment
    assert re.search(r"\d+ jobs (not shown|without details here), see the log", comment)
    assert_is_only_text(comment, "jobs.yaml")


def test_no_change_is_one_line() -> None:
    lines = render_markdown(plan_of(hello(), hello()), name="jobs.yaml", version="1").splitlines()
    assert lines[:2] == ["<!-- jobfile-plan:jobs.yaml -->", "jobfile plan: no change, 1 job"]
    assert lines[3].startswith("<sub>")


def test_errors_take_the_place_of_the_plan() -> None:
    said = render_invalid("jobs.yaml:3:1: ```\n<b>" + "x\n" * 90_000, name="jobs.yaml")
    assert said.startswith("<!-- jobfile-plan:jobs.yaml -->\n### jobfile plan: the job files have errors\n")
    assert len(said) <= LIMIT
    assert_is_only_text(said, "none")


def test_links_lead_to_the_files_of_the_change() -> None:
    comment = render_markdown(the_plan(), name="jobs.yaml", version="1", links="https://host/o/r/blob/abc/")
    assert "[`nightly-orders`](https://host/o/r/blob/abc/jobs.yaml#L3)" in comment


def test_names_of_files_and_revisions_steer_nothing() -> None:
    name = "a\x1b]0;x\x07\u2028\u202e`|<b>@me.yaml"
    found = side((name, hello("timeout: 1h").encode()))
    other = side((name, hello("timeout: 2h", "retry: 2").encode()))
    sides = [replace(found, kind="revision", name=name), replace(other, kind="file", name=name)]
    plan = make_plan(*sides, now=NOON)
    comment = render_markdown(plan, name=name, version="1", links="https://host/")
    assert_is_only_text(comment, "https://host/")
    for said in (render_text(plan, is_full=True), comment, render_page(plan)):
        assert not FORBIDDEN.search(said)


def test_side_files_are_named_by_commit() -> None:
    assert "worktree (dirty) at 8be1207" in render_text(the_plan())
    assert side(hello()).kind == "file"


@pytest.mark.parametrize(
    "name", ["tags", "schedule", "action", "when", "matrix", "triggers", "params", "enum"]
)
def test_a_param_may_have_the_name_of_a_key(name: str) -> None:
    files = [
        f"version: 1\nvars: {{{name}: {one}}}\njobs:\n  a:\n"
        f"    params: {{{name}: {{type: array, items: {{type: string}}, default: [{one}]}}}}\n"
        f"    env: {{{name}: {one}}}\n    run: 'echo {{{{ vars.{name} }}}}'\n"
        for one in ("old", "new")
    ]
    catalogs = [compile_files([("jobs.yaml", text.encode())]).catalog for text in files]
    (first, second) = [catalog.job("a") for catalog in catalogs if catalog is not None]
    assert first is not None
    assert second is not None
    paths = {change.path for change in changed_fields(first.spec, second.spec)}
    assert paths == {("params", name, "default"), ("vars", name), ("env", name)}
    assert ("env", name) in {change.path for change in whole_fields(first.spec)}
