"""Random expressions, zones and starts against a walk over UTC minute by minute.

`JOBFILE_SAMPLES=1000000 pytest -n 2 tests/language/test_samples.py` checks a million of them; `JOBFILE_SEED`
chooses others.
"""

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from random import Random

import pytest

from jobfile.model.jobs import CronEntry, DayRule
from jobfile.schedule.cron import CronProblem, parse_cron
from jobfile.schedule.occurrences import fires, next_fire, zone_names
from tests.language.cronwalk import (
    DAY,
    MONTHS,
    WEEKDAYS,
    fires_on_day,
    offset_at,
    read,
    zone_of,
)

SAMPLES = int(os.environ.get("JOBFILE_SAMPLES", "6000"))
SEED = os.environ.get("JOBFILE_SEED", "1")
PARTS = 4
"""The number of tests that share the samples, for the same number of cores."""

EXPRESSIONS_A_WINDOW = 4
STARTS_AN_EXPRESSION = 25
ZONES = sorted(zone_names())
YEARS = (1890, 2130)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Window:
    """Days of UTC, [first, last], as a zone shows them; `hours` are those of a change of the clock."""

    zone: str
    first: int
    last: int
    hours: tuple[int, ...] = ()


# --- what is drawn


def draw_window(random: Random) -> Window:
    """Two to five days; in most draws around a change of the clock, where the zone has any."""
    zone = random.choice(ZONES)
    changes = changes_of(zone)
    if changes and random.random() < 0.85:
        at = random.choice(changes)
        offsets = [offset_at(zone_of(zone), at - 1), offset_at(zone_of(zone), at)]
        hours = {(at + offset + hour) // 3600 % 24 for offset in offsets for hour in (-3600, 0)}
        return Window(zone, at // DAY - random.randint(0, 2), at // DAY + random.randint(1, 2), (*hours,))
    day = random.randrange(YEARS[0] * 365, YEARS[1] * 365) - 1970 * 365
    return Window(zone, day, day + random.randint(1, 4))


@lru_cache(maxsize=1000)
def changes_of(zone: str) -> list[int]:
    """The instants at which a zone's clock is changed, but for those that a second change soon undoes."""
    clock = zone_of(zone)
    probes = range((YEARS[0] - 1970) * 365 * DAY, (YEARS[1] - 1970) * 365 * DAY, 20 * DAY)
    offsets = [(at, offset_at(clock, at)) for at in probes]
    found = []
    for (low, before), (high, after) in pairwise(offsets):
        if before != after:
            seconds = range(low, high + 1)
            found.append(seconds[bisect_left(seconds, True, key=lambda at: offset_at(clock, at) != before)])
    return found


def draw_expression(random: Random, hours: tuple[int, ...] = ()) -> tuple[str, DayRule]:
    """A text with the forms of the dialect; one that never fires is drawn again."""
    while True:
        rule = random.choice([DayRule.CRON, DayRule.CRON, DayRule.BOTH, DayRule.EITHER])
        text = " ".join(
            (
                draw_field(random, 0, 59, star=0.3),
                draw_hours(random, hours),
                draw_days(random, 1, 31, (), draw_special_date),
                draw_field(random, 1, 12, MONTHS, star=0.9),
                draw_days(random, 0, 6, WEEKDAYS, draw_special_weekday),
            )
        )
        parsed = parse_cron(text, days=rule)
        if not isinstance(parsed, CronProblem):
            return text, rule
        assert parsed.code == "JF304", f"{text}: {parsed.message}"


def draw_field(random: Random, low: int, high: int, names: tuple[str, ...] = (), *, star: float) -> str:
    if random.random() < star:
        return random.choice(["*", "*", f"*/{random.randint(1, high + 5)}"])
    return ",".join(draw_item(random, low, high, names) for _ in range(random.choice([1, 1, 1, 2, 4])))


def draw_hours(random: Random, hours: tuple[int, ...]) -> str:
    """The hour field; often the hours in which the clock is changed."""
    if hours and random.random() < 0.4:
        return ",".join(map(str, random.sample(hours, random.randint(1, len(hours)))))
    return draw_field(random, 0, 23, star=0.4)


def draw_item(random: Random, low: int, high: int, names: tuple[str, ...]) -> str:
    first, second = sorted((random.randint(low, high), random.randint(low, high)))
    begin, end = (draw_name(random, one, low, names) for one in (first, second))
    step = f"/{random.randint(1, high - low + 3)}"
    if names == WEEKDAYS and first > 0 and random.random() < 0.3:
        end = random.choice(["0", "7", "sun", "SUN"])
    return random.choice([begin, begin, f"{begin}-{end}", f"{begin}-{end}{step}", f"{begin}{step}"])


def draw_name(random: Random, value: int, low: int, names: tuple[str, ...]) -> str:
    if names and random.random() < 0.5:
        return random.choice([str.lower, str.upper, str.title])(names[value - low])
    return f"{value:02}" if random.random() < 0.1 else str(value)


def draw_days(
    random: Random, low: int, high: int, names: tuple[str, ...], special: Callable[[Random], str]
) -> str:
    kind = random.random()
    if kind < 0.7:
        return random.choice(["*", "*", "*", "?"])
    if kind < 0.8:
        return f"*/{random.randint(2, high + 2)}"
    items = [draw_item(random, low, high, names) for _ in range(random.choice([0, 1, 1, 2]))]
    if not items or kind > 0.9:
        items.insert(random.randint(0, len(items)), special(random))
    return ",".join(items)


def draw_special_date(random: Random) -> str:
    return random.choice(["L", "l", "LW", "lw", f"{random.randint(1, 31)}W", f"{random.randint(1, 31)}w"])


def draw_special_weekday(random: Random) -> str:
    day = random.choice([str(random.randint(0, 7)), draw_name(random, random.randint(0, 6), 0, WEEKDAYS)])
    return random.choice([f"{day}L", f"{day}#{random.randint(1, 5)}"])


# --- what is checked


@pytest.mark.timeout(60 + SAMPLES // 1000)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_next_fire_is_the_first_one_of_a_walk_minute_by_minute(part: int) -> None:
    random = Random(f"{SEED}/{part}")
    checked = 0
    while checked < SAMPLES // PARTS:
        window = draw_window(random)
        for _ in range(EXPRESSIONS_A_WINDOW):
            text, rule = draw_expression(random, window.hours)
            told = f"JOBFILE_SEED={SEED}, part {part}: `{text}` with days: {rule} in {window}"
            checked += check_window(random, window, text, rule, told)


def check_window(random: Random, window: Window, text: str, rule: DayRule, told: str) -> int:
    """Check many starts in a window against one walk over it; how many there were."""
    plain = read(text, rule.value)
    walked = [
        datetime.fromtimestamp(at, UTC)
        for day in range(window.first, window.last + 1)
        for at in fires_on_day(plain, window.zone, day)
    ]
    entry = CronEntry(cron=text, timezone=window.zone, days=rule)
    begin = datetime.fromtimestamp(window.first * DAY, UTC) - timedelta(microseconds=1)
    end = datetime.fromtimestamp((window.last + 1) * DAY, UTC) - timedelta(microseconds=1)
    found = [fire.at for fire in fires([entry], after=begin, until=end)]
    assert found == walked, f"{told}: not once each, in order"
    for start in draw_starts(random, begin, end, walked):
        check_start(entry, start, end, walked, f"{told} after {start}")
    return STARTS_AN_EXPRESSION


def draw_starts(random: Random, begin: datetime, end: datetime, walked: list[datetime]) -> Iterator[datetime]:
    """Instants anywhere in a window, and at, just before and just after what fires."""
    span = (end - begin) // timedelta(microseconds=1)
    for number in range(STARTS_AN_EXPRESSION):
        if walked and number % 4 == 0:
            near = random.choice(walked) + random.choice([-1, 0, 1]) * random.choice([SECOND, SECOND / 10**6])
            yield max(begin, near)
        elif number % 4 == 1:
            yield begin + timedelta(microseconds=random.randint(0, span))
        else:
            yield begin + timedelta(seconds=random.randint(0, span // 10**6))


def check_start(entry: CronEntry, start: datetime, end: datetime, walked: list[datetime], told: str) -> None:
    fire = next_fire([entry], after=start)
    assert fire is not None, f"{told}: no next fire"
    assert fire.at > start, f"{told}: {fire.at} is not later"
    place = bisect_right(walked, start)
    if place < len(walked):
        assert fire.at == walked[place], f"{told}: {fire.at}, and {walked[place]} was walked"
    else:
        assert fire.at > end, f"{told}: {fire.at}, and nothing was walked"
    again = next_fire([entry], after=fire.at - SECOND)
    assert again == fire, f"{told}: {fire.at}, and {again} from a second before it"
