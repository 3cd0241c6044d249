"""The cron dialect: the meaning of each form, and the message for each refused form."""

import calendar
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.model.jobs import DayRule
from jobfile.schedule.cron import CronExpression, CronProblem, parse_cron
from tests.soak import examples
from tests.together import together


def parsed(text: str, days: DayRule = DayRule.CRON) -> CronExpression:
    expression = parse_cron(text, days=days)
    assert isinstance(expression, CronExpression), expression
    return expression


def problem(text: str) -> CronProblem:
    found = parse_cron(text)
    assert isinstance(found, CronProblem), f"{text} was accepted"
    return found


def members(bits: int) -> list[int]:
    return [value for value in range(bits.bit_length()) if bits >> value & 1]


def days_in(expression: CronExpression, year: int, month: int) -> list[int]:
    first, length = calendar.monthrange(year, month)
    return members(expression.days(length, (first + 1) % 7))


@together(
    ("text", "field", "values"),
    [
        ("5 * * * *", "minute", [5]),
        ("05 * * * *", "minute", [5]),
        ("0,30,30 * * * *", "minute", [0, 30]),
        ("10-13 * * * *", "minute", [10, 11, 12, 13]),
        ("*/20 * * * *", "minute", [0, 20, 40]),
        ("50/4 * * * *", "minute", [50, 54, 58]),
        ("10-20/5,1 * * * *", "minute", [1, 10, 15, 20]),
        ("*/90 * * * *", "minute", [0]),
        ("0 2-2 * * *", "hour", [2]),
        ("0 20/2 * * *", "hour", [20, 22]),
        ("0 0 29/1 * *", "day_of_month", [29, 30, 31]),
        ("0 0 1 jan,MAR-May,12 *", "month", [1, 3, 4, 5, 12]),
        ("0 0 * * 7", "day_of_week", [0]),
        ("0 0 * * 7-7", "day_of_week", [0]),
        ("0 0 * * 0-0", "day_of_week", [0]),
        ("0 0 * * 0-7", "day_of_week", [0, 1, 2, 3, 4, 5, 6]),
        ("0 0 * * mon-7", "day_of_week", [0, 1, 2, 3, 4, 5, 6]),
        ("0 0 * * fri-sun", "day_of_week", [0, 5, 6]),
        ("0 0 * * 5-0", "day_of_week", [0, 5, 6]),
        ("0 0 * * Sun-Tue", "day_of_week", [0, 1, 2]),
        ("0 0 * * 6/1", "day_of_week", [6]),
        ("0 0 * * 1/2", "day_of_week", [1, 3, 5]),
        ("0 0 * * */2", "day_of_week", [0, 2, 4, 6]),
        ("0 0 ? * mon", "day_of_month", list(range(1, 32))),
        ("0 0 1 * ?", "day_of_week", [0, 1, 2, 3, 4, 5, 6]),
        (" \t0  0\t* * * ", "hour", [0]),
    ],
)
def test_a_field_matches_the_values_of_the_dialect(text: str, field: str, values: list[int]) -> None:
    assert members(getattr(parsed(text), field)) == values


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("0 0 L * *", [31]),
        ("0 0 LW * *", [31]),
        ("0 0 15W * *", [14]),
        ("0 0 1w * *", [3]),
        ("0 0 30W * *", [31]),
        ("0 0 16W * *", [17]),
        ("0 0 31W * *", [31]),
        ("0 0 l,15 * *", [15, 31]),
        ("0 0 * * 5L", [28]),
        ("0 0 * * friL", [28]),
        ("0 0 * * 7L", [30]),
        ("0 0 * * mon#1", [3]),
        ("0 0 * * 1#5", [31]),
        ("0 0 * * tue#5", []),
        ("0 0 * * 1#2,6L", [10, 29]),
    ],
)
def test_a_special_day_depends_on_the_month(text: str, days: list[int]) -> None:
    assert days_in(parsed(text), 2021, 5) == days


def test_the_fifth_weekday_and_the_nearest_weekday_may_not_exist() -> None:
    assert days_in(parsed("0 0 * * tue#5"), 2021, 2) == []
    assert days_in(parsed("0 0 30W * *"), 2021, 2) == []
    assert days_in(parsed("0 0 L * *"), 2024, 2) == [29]


def test_the_nearest_weekday_stays_inside_a_month_that_ends_on_a_sunday() -> None:
    assert days_in(parsed("0 0 31W * *"), 2021, 10) == [29]
    assert days_in(parsed("0 0 LW * *"), 2021, 10) == [29]


@pytest.mark.parametrize(
    ("text", "rule", "expected"),
    [
        ("0 4 13 * fri", DayRule.CRON, "either"),
        ("0 4 13 * fri", DayRule.EITHER, "either"),
        ("0 4 13 * fri", DayRule.BOTH, "both"),
        ("0 4 * * fri", DayRule.EITHER, "both"),
        ("0 4 13 * ?", DayRule.EITHER, "both"),
        ("0 4 */2 * fri", DayRule.CRON, "both"),
        ("0 4 */2 * fri", DayRule.EITHER, "either"),
        ("0 4 ? * fri", DayRule.CRON, "both"),
        ("0 4 1-31 * fri", DayRule.CRON, "either"),
    ],
)
def test_two_day_fields_combine_by_their_stars_unless_a_rule_says_which(
    text: str, rule: DayRule, expected: str
) -> None:
    assert parsed(text, rule).is_either == (expected == "either")


@pytest.mark.parametrize(
    ("text", "restricts"),
    [
        ("0 4 13 * fri", True),
        ("0 4 */2 * fri", True),
        ("0 4 1-31 * fri", True),
        ("0 4 L * 5L", True),
        ("0 4 * * fri", False),
        ("0 4 ? * fri", False),
        ("0 4 13 * *", False),
        ("0 4 */1 * fri", False),
    ],
)
def test_both_days_are_restricted_when_neither_is_a_plain_star(text: str, restricts: bool) -> None:
    assert parsed(text).restricts_both_days is restricts


def test_a_date_that_only_both_rules_together_exclude_fires_under_the_other_rule() -> None:
    assert isinstance(parse_cron("0 0 31 feb mon", days=DayRule.BOTH), CronProblem)
    assert members(parsed("0 0 31 feb mon").day_of_week) == [1]


@pytest.mark.parametrize(
    ("text", "is_fixed"),
    [
        ("0 2 * * *", True),
        ("0 0-23/2 * * *", True),
        ("0-59 1 * * *", True),
        ("@daily", True),
        ("0 */2 * * *", False),
        ("* 1 * * *", False),
        ("*/1 1 * * *", False),
        ("@hourly", False),
    ],
)
def test_an_expression_is_fixed_when_neither_minute_nor_hour_starts_with_a_star(
    text: str, is_fixed: bool
) -> None:
    assert parsed(text).is_fixed is is_fixed


@pytest.mark.parametrize(
    ("alias", "text"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
def test_an_alias_is_the_expression_it_stands_for(alias: str, text: str) -> None:
    assert parsed(alias) == parsed(text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("*/7 * * * *", "`*/7` starts again each hour"),
        ("*/35 * * * *", "`*/35` starts again each hour"),
        ("0-59/7 * * * *", "`0-59/7` starts again each hour"),
        ("0 */5 * * *", "`*/5` starts again each day"),
        ("0 0 */2 * *", "`*/2` starts again each month"),
        ("0 0 * * */2", "`*/2` starts again each week"),
        ("0 0 1 */5 *", "`*/5` starts again each year"),
        ("*/90 * * * *", "the step of `*/90` is longer than the range: it matches only minute 0"),
        ("55/10 * * * *", "the step of `55/10` is longer than the range: it matches only minute 55"),
        ("*/15 * * * *", None),
        ("5/10 * * * *", None),
        ("0 8-17/2 * * *", None),
        ("*/1 * * * *", None),
    ],
)
def test_an_uneven_step_is_reported(text: str, label: str | None) -> None:
    assert parsed(text).uneven_step == label


@together(
    ("text", "code", "marked", "says"),
    [
        ("", "JF301", "", "the cron expression is empty"),
        ("0 2 * *", "JF301", "0 2 * *", "a cron expression has five fields, this one has 4"),
        ("hello", "JF301", "hello", "a cron expression has five fields, this one has 1"),
        ("60 * * * *", "JF302", "60", "minute 60 is out of range"),
        ("0 1,24 * * *", "JF302", "24", "hour 24 is out of range"),
        ("0 0 0 * *", "JF302", "0", "day-of-month 0 is out of range"),
        ("0 0 1 13 *", "JF302", "13", "month 13 is out of range"),
        ("0 0 * * 8", "JF302", "8", "day-of-week 8 is out of range"),
        ("0 0 32W * *", "JF302", "32", "day-of-month 32 is out of range"),
        ("0 0 * * fri#6", "JF302", "6", "`fri#6` in the day-of-week field does not say which fri"),
        ("*/0 * * * *", "JF302", "0", "step 0 in the minute field never advances"),
        ("0 22-2 * * *", "JF313", "22-2", "range `22-2` in the hour field runs backwards"),
        ("0 0 * * sat-mon", "JF313", "sat-mon", "range `sat-mon` in the day-of-week field runs backwards"),
        ("0 0 * * 7-3", "JF313", "7-3", "range `7-3` in the day-of-week field runs backwards"),
        ("0 0 * * 7/2", "JF313", "7", "a step that starts at `7` in the day-of-week field has no next value"),
        ("*/ * * * *", "JF301", "/", "a step is missing after `/` in the minute field"),
        ("/5 * * * *", "JF301", "/", "a range is missing before `/` in the minute field"),
        ("*/1/2 * * * *", "JF301", "1/2", "`1/2` is not a step in the minute field"),
        ("1-2-3 * * * *", "JF301", "1-2-3", "`1-2-3` is not a range in the minute field"),
        ("-5 * * * *", "JF301", "-5", "`-5` is not a range in the minute field"),
        ("*5 * * * *", "JF301", "*5", "`*5` is not allowed in the minute field"),
        ("1,,2 * * * *", "JF301", ",", "an item of the list in the minute field is empty"),
        ("0 ,1 * * *", "JF301", ",", "an item of the list in the hour field is empty"),
        ("0 jan * * *", "JF301", "jan", "`jan` is not allowed in the hour field"),
        ("? * * * *", "JF301", "?", "`?` is not allowed in the minute field"),
        ("0 0 ?/2 * *", "JF301", "?/2", "`?/2` is not allowed in the day-of-month field"),
        ("0 0 * * L", "JF301", "L", "`L` in the day-of-week field does not say which day"),
        ("0 0 L-3 * *", "JF301", "L-3", "`L-3` is not a special day of the day-of-month field"),
        ("0 0 L/2 * *", "JF301", "L/2", "`L/2` is not a special day of the day-of-month field"),
        ("0 0 * * 1-5#2", "JF301", "1-5#2", "`1-5#2` is not a special day of the day-of-week field"),
        ("H 2 * * *", "JF301", "H", "`H` in the minute field would let the program choose"),
        ("1~5 2 * * *", "JF301", "1~5", "`1~5` in the minute field would let the program choose"),
        ("@every 10m", "JF301", "@every", "`@every` is not part of a cron expression"),
        ("@daily 5", "JF301", "5", "`@daily` must be the whole expression"),
        ("@reboot", "JF307", "@reboot", "`@reboot` is not a time"),
        (
            "TZ=Asia/Tokyo 0 2 * * *",
            "JF301",
            "TZ=Asia/Tokyo",
            "the time zone is not part of a cron expression",
        ),
        ("CRON_TZ=UTC 0 2 * * *", "JF301", "CRON_TZ=UTC", "the time zone is not part of a cron expression"),
        ("0 2 * * * root /bin/x", "JF301", "root /bin/x", "has five fields, this one has 7"),
        ("٣ 2 * * *", "JF301", "٣", "digit U+0663 is not one of 0 to 9"),
        ("0\u00a02 * * *", "JF301", "\u00a0", "character U+00A0 is not a valid separator"),
        ("0 2 * * *\n", "JF301", "\n", "character U+000A is not a valid separator"),
        ("0 2 1–5 * *", "JF301", "–", "character U+2013 is not the hyphen of a range"),
        ("0 2 * * lörd", "JF301", "ö", "character U+00F6 is not allowed in a cron expression"),
        ("0 0 30 2 *", "JF304", "30 2", "`0 0 30 2 *` never fires"),
        ("0 0 31 4,6,9,11 ?", "JF304", "31 4,6,9,11", "never fires"),
        ("0 0 31W feb,jun *", "JF304", "31W feb,jun", "never fires"),
        ("0 30 2 * * *", "JF306", "0 ", "seconds are not supported"),
        ("0 0 12 ? * mon 2026", "JF306", "0 ", "seconds and years are not supported"),
    ],
)
def test_a_mistake_has_its_code_the_smallest_place_and_a_reason(
    text: str, code: str, marked: str, says: str
) -> None:
    found = problem(text)
    assert (found.code, text[found.start : found.end]) == (code, marked)
    assert says in found.message


@pytest.mark.parametrize(
    ("text", "help_"),
    [
        ("0 22-2 * * *", "for a range that wraps around, write `22-23,0-2`"),
        ("0 0 * * sat-mon", "for a range that wraps around, write `sat-sun,mon`"),
        ("0 0 1 nov-feb *", "for a range that wraps around, write `nov-dec,jan-feb`"),
        ("@every 90s", "write `every: 90s` instead of `cron:`"),
        ("TZ=Asia/Tokyo 0 2 * * *", "write `timezone: Asia/Tokyo` beside `cron:`"),
        ("0 2 * * * *", "if the seconds come first:  2 * * * *"),
        ("0 2 * * * *", "if the seconds come last:  0 2 * * *"),
        ("0 2 * * * *", "for a period in seconds, write `every: 10s` instead of `cron:`"),
        ("0 0 * * L", "for the last Friday of the month write 5L"),
        ("0 0 * * wednesday", "names have three letters: `wed`"),
    ],
)
def test_a_mistake_comes_with_what_to_write_instead(text: str, help_: str) -> None:
    assert help_ in problem(text).help


@pytest.mark.parametrize("seconds", ["0", "00", "15", "*/5", "59"])
@pytest.mark.parametrize(
    ("five", "is_first", "is_last"),
    [("30 2 * * *", True, False), ("2 * * * *", True, True), ("45 23 1 * mon", True, False)],
)
def test_seconds_are_found_at_the_end_at_which_the_rest_is_good(
    seconds: str, five: str, is_first: bool, is_last: bool
) -> None:
    """Only seconds of 0 can be removed: the runs stay the same."""
    before = problem(f"{seconds} {five}")
    assert (before.start, before.end) == (0, len(seconds) + 1)
    assert (f"if the seconds come first:  {five}" in before.help) is is_first
    if not is_last:
        assert before.fix == ("" if seconds in ("0", "00") else None)
        assert not any("come last" in line for line in before.help)
    if seconds in ("15", "59"):
        text = f"{five} {seconds}"
        after = problem(text)
        assert text[after.start : after.end] == seconds
        assert f"if the seconds come last:  {five}" in after.help
        assert after.fix is None
        assert not any("come first" in line for line in after.help)


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("0 0 * * monday", "0 0 * * mon"),
        ("0 0 1 sept *", "0 0 1 sep *"),
        ("0 0 * * tu", "0 0 * * tue"),
        ("? * * * *", "* * * * *"),
        ("0 30 2 * * *", "30 2 * * *"),
        ("0\u00a02 * * *", "0 2 * * *"),
        ("0 2 1–5 * *", "0 2 1-5 * *"),
        ("٣ 2 * * *", "3 2 * * *"),
        ("@Daily", "@daily"),
        ("@hours", "@hourly"),
    ],
)
def test_a_certain_mistake_has_a_fix_that_corrects_it(text: str, fixed: str) -> None:
    found = problem(text)
    assert found.fix is not None
    assert text[: found.start] + found.fix + text[found.end :] == fixed
    assert isinstance(parse_cron(fixed), CronExpression)


def test_a_text_of_more_than_128_characters_is_refused() -> None:
    text = ",".join(["1"] * 60) + " * * * *"
    assert len(text) == 127
    assert isinstance(parse_cron(text), CronExpression)
    assert problem(text + "  ").message == "a cron expression has at most 128 characters, this one has 129"


# --- properties

CRON_SIGNS = st.text(alphabet="0123456789 */-,?LW#@HhTZ=~\tabdefjlmnoprstuvwy\u00a0٣", max_size=40)


@given(text=st.one_of(st.text(max_size=140), CRON_SIGNS), rule=st.sampled_from(DayRule))
@settings(deadline=None, max_examples=examples(200))
def test_any_text_is_an_expression_or_a_problem_inside_the_text(text: str, rule: DayRule) -> None:
    found = parse_cron(text, days=rule)
    if isinstance(found, CronProblem):
        assert 0 <= found.start <= found.end <= len(text)
        assert found.message
        assert found.help
        assert found.code.startswith("JF3")
        assert not found.message.endswith(".")


DAY_TEXTS = st.sampled_from(
    ["*", "?", "1", "29", "30", "31", "30,31", "L", "LW", "1W", "30W", "31W", "29W", "*/2", "*/30", "29/1"]
)
MONTHS = {
    "*": range(1, 13),
    "2": (2,),
    "feb,apr": (2, 4),
    "4,6,9,11": (4, 6, 9, 11),
    "1-12/6": (1, 7),
    "12": (12,),
}
MONTH_TEXTS = st.sampled_from(sorted(MONTHS))
WEEK_TEXTS = st.sampled_from(
    ["*", "?", "mon", "0", "7", "mon#5", "sun#1", "fri#3", "6L", "*/3", "1-5", "sat,sun"]
)
MONTHS_OF_400_YEARS = [
    (year, month, *calendar.monthrange(year, month)) for year in range(2000, 2400) for month in range(1, 13)
]
KINDS_OF_MONTHS = list({one[1:]: one for one in MONTHS_OF_400_YEARS}.values())
"""One month for each number, first weekday and length that the whole cycle of the calendar holds."""


def day_matches(text: str, day: date, length: int) -> bool:
    """A day-of-month field read straight from its definition; only the forms of DAY_TEXTS."""
    weekdays = [n for n in range(1, length + 1) if day.replace(day=n).weekday() < 5]
    if text in ("*", "?"):
        return True
    if text == "L":
        return day.day == length
    if text == "LW":
        return day.day == weekdays[-1]
    if text.endswith("W"):
        n = int(text[:-1])
        return n <= length and day.day == min(weekdays, key=lambda one: abs(one - n))
    if "/" in text:
        start, step = text.replace("*", "1").split("/")
        return day.day in range(int(start), 32, int(step))
    return day.day in [int(n) for n in text.split(",")]


def week_matches(text: str, day: date, length: int) -> bool:
    """A day-of-week field read straight from its definition; only the forms of WEEK_TEXTS."""
    names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    weekday = day.isoweekday() % 7
    if text in ("*", "?"):
        return True
    if "#" in text:
        name, nth = text.split("#")
        return weekday == names.index(name) and (day.day - 1) // 7 + 1 == int(nth)
    if text.endswith("L"):
        return weekday == int(text[:-1]) and day.day + 7 > length
    if text == "*/3":
        return weekday in (0, 3, 6)
    if text == "1-5":
        return 1 <= weekday <= 5
    return weekday in [names.index(one) if one in names else int(one) % 7 for one in text.split(",")]


@given(day=DAY_TEXTS, month=MONTH_TEXTS, week=WEEK_TEXTS, data=st.data())
@settings(deadline=None, max_examples=examples(75))
def test_the_days_of_a_month_follow_the_definitions(
    day: str, month: str, week: str, data: st.DataObject
) -> None:
    expression = parse_cron(f"0 0 {day} {month} {week}")
    year, number, _, length = data.draw(st.sampled_from(MONTHS_OF_400_YEARS))
    expected = []
    for one in (date(year, number, n) for n in range(1, length + 1)):
        by_day, by_week = day_matches(day, one, length), week_matches(week, one, length)
        is_and = day[0] in "*?" or week[0] in "*?"
        if (by_day and by_week) if is_and else (by_day or by_week):
            expected.append(one.day)
    if isinstance(expression, CronExpression):
        assert days_in(expression, year, number) == expected
    else:
        assert expression.code == "JF304"
        assert number not in MONTHS[month] or expected == []


@together("week", ["*", "mon", "mon#5", "6L"])
@together("month", ["*", "2", "4,6,9,11"])
@together("day", ["1", "29", "30", "31", "30W", "31W", "1W", "L", "*/30"])
def test_never_fires_is_said_exactly_when_400_years_have_no_such_day(day: str, month: str, week: str) -> None:
    some_day = any(
        day_matches(day, date(year, number, n), length) and week_matches(week, date(year, number, n), length)
        for year, number, _, length in KINDS_OF_MONTHS
        if number in MONTHS[month]
        for n in range(1, length + 1)
    )
    found = parse_cron(f"0 0 {day} {month} {week}", days=DayRule.BOTH)
    assert isinstance(found, CronExpression) is some_day
