"""A wrong expression in a job file: which field, what was found and what would be right, and where."""

import re

import pytest

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.pipeline import compile_files
from tests.together import together

LAYOUTS = {
    # lines before, and the text before the expression on its own line
    "text": ("version: 1\njobs:\n  a:\n    timeout: 1h\n    run: echo\n", '    schedule: "'),
    "entry": (
        "version: 1\njobs:\n  a:\n    timeout: 1h\n    run: echo\n    schedule:\n      - every: 1h\n",
        '      - {timezone: Europe/Oslo, cron: "',
    ),
}

# expression with its guilty part in brackets | code | field, if one is guilty | message | help
MISTAKES = """
[60] * * * *              | JF302 | minute       | minute 60 is out of range | full hour is minute 0
5,[99] 2 * * *            | JF302 | minute       | minute 99 is out of range | full hour is minute 0
0-[60] 2 * * *            | JF302 | minute       | minute 60 is out of range | full hour is minute 0
0 [24] * * *              | JF302 | hour         | hour 24 is out of range | midnight is hour 0
0 1,[24] * * *            | JF302 | hour         | hour 24 is out of range | midnight is hour 0
0 8-[24]/2 * * *          | JF302 | hour         | hour 24 is out of range | midnight is hour 0
0 0 [0] * *               | JF302 | day-of-month | day-of-month 0 is out of range | last day of a month
0 0 [32] * *              | JF302 | day-of-month | day-of-month 32 is out of range | last day of a month
0 0 1-[32] * *            | JF302 | day-of-month | day-of-month 32 is out of range | last day of a month
0 0 [32]W * *             | JF302 | day-of-month | day-of-month 32 is out of range | last day of a month
0 0 [0]W * *              | JF302 | day-of-month | day-of-month 0 is out of range | last day of a month
0 0 1 [0] *               | JF302 | month        | month 0 is out of range | January is 1
0 0 1 [13] *              | JF302 | month        | month 13 is out of range | December is 12
0 0 1 jan-[13] *          | JF302 | month        | month 13 is out of range | December is 12
0 0 * * [8]               | JF302 | day-of-week  | day-of-week 8 is out of range | Sunday is 0, 7 or sun
0 0 * * mon-[8]           | JF302 | day-of-week  | day-of-week 8 is out of range | Sunday is 0, 7 or sun
0 0 * * [8]L              | JF302 | day-of-week  | day-of-week 8 is out of range | Sunday is 0, 7 or sun
0 0 * * [9]#2             | JF302 | day-of-week  | day-of-week 9 is out of range | Sunday is 0, 7 or sun
0 0 * * fri#[6]           | JF302 | day-of-week  | does not say which fri | friL
0 0 * * 5#[0]             | JF302 | day-of-week  | does not say which 5 | 5L
0 0 * * fri[#]            | JF301 | day-of-week  | does not say which fri | friL
0 0 * * fri#[x]           | JF301 | day-of-week  | does not say which fri | friL
*/[0] * * * *             | JF302 | minute       | step 0 | for every minute, remove the step
0 */[0] * * *             | JF302 | hour         | step 0 | for every hour, remove the step
0 0 2-20/[00] * *         | JF302 | day-of-month | step 00 | for every day-of-month, remove the step
0 0 * * 1-5/[0]           | JF302 | day-of-week  | step 0 | for every day-of-week, remove the step
[30-10] * * * *           | JF313 | minute       | `30-10` in the minute field runs backwards | 30-59,0-10
0 [22-2] * * *            | JF313 | hour         | `22-2` in the hour field runs backwards | 22-23,0-2
0 [22-2]/2 * * *          | JF313 | hour         | `22-2` in the hour field | one up to 23 and one from 0
0 0 1,[28-3] * *          | JF313 | day-of-month | `28-3` in the day-of-month field | 28-31,1-3
0 0 1 [nov-feb] *         | JF313 | month        | `nov-feb` in the month field | nov-dec,jan-feb
0 0 * * [sat-mon]         | JF313 | day-of-week  | `sat-mon` in the day-of-week field | sat-sun,mon
0 0 * * [7-3]             | JF313 | day-of-week  | `7-3` in the day-of-week field | 0-3
0 0 * * [7]/2             | JF313 | day-of-week  | has no next value | write 0
*[/] * * * *              | JF301 | minute       | a step is missing | `*/3`
0 */[x] * * *             | JF301 | hour         | `x` is not a step | `*/3`
*/[1/2] * * * *           | JF301 | minute       | `1/2` is not a step | `*/3`
[/]5 * * * *              | JF301 | minute       | a range is missing | `*/3`
0 [1-2-3] * * *           | JF301 | hour         | `1-2-3` is not a range | `1-5`
[-5] * * * *              | JF301 | minute       | `-5` is not a range | `1-5`
0 2 * * [1-]              | JF301 | day-of-week  | `1-` is not a range | `1-5`
[*5] * * * *              | JF301 | minute       | `*5` is not allowed | five fields: minute hour
1[,],2 * * * *            | JF301 | minute       | an item of the list | remove the comma
0 [,]1 * * *              | JF301 | hour         | an item of the list | remove the comma
0 0 1[,] * *              | JF301 | day-of-month | an item of the list | remove the comma
0 0 1 jan[,] *            | JF301 | month        | an item of the list | remove the comma
0 [jan] * * *             | JF301 | hour         | `jan` is not allowed | belongs in the month field
0 0 [mon] * *             | JF301 | day-of-month | `mon` is not allowed | in the day-of-week field
0 0 1 [monday] *          | JF301 | month        | `monday` is not allowed | in the day-of-week field
0 0 * * [feb]             | JF301 | day-of-week  | `feb` is not allowed | belongs in the month field
0 0 1 [sept] *            | JF301 | month        | `sept` is not allowed | `sep`
0 0 * * [monday]          | JF301 | day-of-week  | `monday` is not allowed | `mon`
0 0 * * mon,[thurs]       | JF301 | day-of-week  | `thurs` is not allowed | `thu`
0 0 * * mon-[fir]         | JF301 | day-of-week  | `fir` is not allowed | `fri`
[x] 2 * * *               | JF301 | minute       | `x` is not allowed | five fields: minute hour
[2.5] 2 * * *             | JF301 | minute       | `2.5` is not allowed | five fields: minute hour
[2:30] 2 * * *            | JF301 | minute       | `2:30` is not allowed | five fields: minute hour
[?] * * * *               | JF301 | minute       | `?` is not allowed | write `*`
0 [?] * * *               | JF301 | hour         | `?` is not allowed | write `*`
0 0 1 [?] *               | JF301 | month        | `?` is not allowed | write `*`
0 0 [?/2] * *             | JF301 | day-of-month | `?/2` is not allowed | write `*`
0 0 * * 1,[?]             | JF301 | day-of-week  | `?` is not allowed | write `*`
0 0 * * [L]               | JF301 | day-of-week  | does not say which day | for Saturday write 6
0 0 [L-3] * *             | JF301 | day-of-month | `L-3` is not a special day | `LW` last weekday
0 0 15,[L/2] * *          | JF301 | day-of-month | `L/2` is not a special day | `LW` last weekday
0 0 [W] * *               | JF301 | day-of-month | `W` is not a special day | `15W` nearest
0 0 * * [1-5#2]           | JF301 | day-of-week  | `1-5#2` is not a special day | `mon#1` first Monday
0 0 * * [#2]              | JF301 | day-of-week  | `#2` is not a special day | `mon#1` first Monday
0 [L] * * *               | JF301 | hour         | `L` is not allowed | five fields: minute hour
0 [15W] * * *             | JF301 | hour         | `15W` is not allowed | five fields: minute hour
[H] 2 * * *               | JF301 | minute       | would let the program choose | choose the minute yourself
0 [H/2] * * *             | JF301 | hour         | would let the program choose | choose the hour yourself
[H(0-7)] 2 * * *          | JF301 | minute       | would let the program choose | choose the minute yourself
0 [1~5] * * *             | JF301 | hour         | would let the program choose | choose the hour yourself
[٣] 2 * * *               | JF301 | -            | digit U+0663 | write `3`
0 2 1[–]5 * *             | JF301 | -            | U+2013 is not the hyphen of a range | write `-`
0[\u00a0]2 * * *          | JF301 | -            | U+00A0 is not a valid separator | write a space
0 2 * * l[ö]rd            | JF301 | -            | U+00F6 is not allowed | names of three letters
[0 2 * *]                 | JF301 | -            | this one has 4 | five fields: minute hour
[hello]                   | JF301 | -            | this one has 1 | five fields: minute hour
0 2 * * * [root /bin/x]   | JF301 | -            | has five fields | under `run:` or `command:`
[0 ]30 2 * * *            | JF306 | -            | seconds are not supported | every: 10s
[0 ]0 12 ? * mon 2026     | JF306 | -            | seconds and years are not supported | every: 10s
[@every] 10m              | JF301 | -            | `@every` is not part | write `every: 10m`
[@reboot]                 | JF307 | -            | `@reboot` is not a time | remove `schedule`
[@Daily]                  | JF301 | -            | `@Daily` is not an alias | did you mean `@daily`?
[@fortnightly]            | JF301 | -            | `@fortnightly` is not an alias | five fields: minute hour
@daily [5]                | JF301 | -            | `@daily` must be | another time, write five fields
[TZ=Asia/Tokyo] 0 2 * * * | JF301 | -            | time zone is not part | timezone: Asia/Tokyo
[CRON_TZ=UTC] 0 2 * * *   | JF301 | -            | time zone is not part | timezone: UTC
0 0 [30 2] *              | JF304 | -            | never fires | the last day of a month is `L`
0 0 [31W feb,jun] *       | JF304 | -            | never fires | the last day of a month is `L`
0 0 [31 feb */2]          | JF304 | -            | never fires | must match both day fields
""".strip("\n").split("\n")


def test_at_least_60_mistakes_are_in_the_list_and_none_twice() -> None:
    assert len({row.split("|")[0] for row in MISTAKES}) == len(MISTAKES) >= 60


@pytest.mark.parametrize(
    ("expression", "readings"),
    [
        ("0 30 2 * * *", ["first:  30 2 * * *"]),
        ("0 3 2 * * mon", ["first:  3 2 * * mon", "last:  0 3 2 * *"]),
        ("30 2 * * * 77", ["last:  30 2 * * *"]),
        ("0 0 12 * * 1 2026", ["first:  0 12 * * 1"]),
    ],
)
def test_seconds_may_come_first_or_last_and_with_a_year_only_first(
    expression: str, readings: list[str]
) -> None:
    found = only_error(f'version: 1\njobs: {{a: {{timeout: 1h, run: echo, schedule: "{expression}"}}}}\n')
    assert found.code == "JF306"
    shown = [one.partition("if the seconds come ")[2] for one in found.help]
    assert [one for one in shown if one] == readings


@together("layout", LAYOUTS)
@together("row", MISTAKES)
def test_a_wrong_expression_is_reported_with_its_field_its_place_and_a_correction(
    row: str, layout: str
) -> None:
    marked, code, field, said, help_ = (part.strip() for part in row.split(" | "))
    before, begin = LAYOUTS[layout]
    start, end = marked.index("["), marked.rindex("]") - 1
    text = marked[:start] + marked[start + 1 : end + 1] + marked[end + 2 :]
    content = f'{before}{begin}{text}"{"}" if "{" in begin else ""}\n'
    found = only_error(content)
    line = before.count("\n") + 1
    assert (found.code, found.span.start.line, found.span.end.line) == (code, line, line)
    assert found.span.start.column == len(begin) + start + 1
    assert found.span.end.column == len(begin) + end + 1
    assert said in found.message
    assert any(help_ in one for one in found.help), found.help
    if field != "-":
        named = re.findall(r"the (\S+) field", found.message) or [found.message.split()[0]]
        assert named == [field]


@pytest.mark.parametrize(
    ("written", "marked", "line", "column"),
    [
        ("0 24 * * *", "24", 6, 17),
        ("'0 24 * * *'", "24", 6, 18),
        ('"0   24 * * *"', "24", 6, 20),
        (r'"0\t24 * * *"', "24", 6, 19),
        (r'"0 \x324 * * *"', r"\x324", 6, 18),
        ('"0 24\n      * * *"', "24", 6, 18),
        (">-\n      0\n      24 * * *", "24", 8, 7),
        ("|-\n      0 24 * * *", "24", 7, 9),
        ("&a 0 24 * * *", "24", 6, 20),
        ("[0 2 * * *, 0 24 * * *]", "24", 6, 29),
        ("\n      cron: 0 24 * * *", "24", 7, 15),
    ],
)
def test_the_place_is_right_in_every_style_of_yaml(written: str, marked: str, line: int, column: int) -> None:
    content = f"{LAYOUTS['text'][0]}    schedule: {written}\n"
    found = only_error(content)
    assert (found.code, found.span.start.line, found.span.start.column) == ("JF302", line, column)
    assert content[found.span.start.offset : found.span.end.offset] == marked


def only_error(content: str) -> Diagnostic:
    looked = compile_files([("jobs.yaml", content.encode())])
    assert looked.catalog is None
    (found,) = (one for one in looked.diagnostics if one.is_error)
    return found


@pytest.mark.parametrize(
    ("expression", "marked", "says_both"),
    [
        ("0 0 30 2 *", "30 2", False),
        ("0 0 31 2,4,6,9,11 *", "31 2,4,6,9,11", False),
        ("0 0 30-31 2 *", "30-31 2", False),
        ("0 0 30 feb ?", "30 feb", False),
        ("0 0 */40 2 1#5", "*/40 2 1#5", True),
    ],
)
def test_an_expression_without_a_day_says_so_at_the_fields_of_the_day(
    expression: str, marked: str, says_both: bool
) -> None:
    before, at = LAYOUTS["text"]
    (problem,) = [
        one
        for one in compile_files([("jobs.yaml", f'{before}{at}{expression}"\n'.encode())]).diagnostics
        if one.is_error
    ]
    text = f'{before}{at}{expression}"\n'
    assert problem.code == "JF304"
    assert text[problem.span.start.offset : problem.span.end.offset] == marked
    assert problem.label == "no year has such a day"
    assert any("both day fields" in one for one in problem.help) == says_both
