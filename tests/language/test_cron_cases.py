"""The frozen table of cron cases, and what two other programs say of the same ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest
from croniter import CroniterError, croniter
from cronsim import CronSim, CronSimError

from jobfile.model.jobs import CronEntry, DayRule
from jobfile.schedule.occurrences import fires, next_fire
from tests.language.cronwalk import fires_after, read, zone_of

TABLE = Path(__file__).parent / "cron_cases.tsv"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Case:
    """A row of the table as written."""

    category: str
    expression: str
    days: str
    zone: str
    after: str
    fires: str
    why: str
    cronsim: str
    croniter: str

    @property
    def entry(self) -> CronEntry:
        return CronEntry(cron=self.expression, timezone=self.zone, days=DayRule(self.days))

    @property
    def begin(self) -> datetime:
        return utc(self.after)

    @property
    def expected(self) -> list[datetime]:
        return [utc(text) for text in self.fires.split()]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rows() -> list[list[str]]:
    return [line.split("\t") for line in TABLE.read_text().splitlines() if line[0] != "#"]


CASES = [Case(*row) for row in rows()[1:]]


CATEGORIES: dict[str, list[Case]] = {}
for one in CASES:
    CATEGORIES.setdefault(one.category, []).append(one)
each_category = pytest.mark.parametrize("category", CATEGORIES)


def test_the_table_has_at_least_240_cases_over_45_zones_none_twice_and_sorted_by_category() -> None:
    assert rows()[0] == [one.name for one in fields(Case)]
    assert len(CASES) >= 240
    assert len({case.zone for case in CASES}) >= 45
    categories = [case.category for case in CASES]
    assert categories == sorted(categories)
    assert len({(case.expression, case.days, case.zone, case.after) for case in CASES}) == len(CASES)


@each_category
def test_a_case_is_written_in_the_one_form_there_is(category: str) -> None:
    for case in CATEGORIES[category]:
        assert all(getattr(case, one.name).strip() == getattr(case, one.name) != "" for one in fields(Case))
        assert 1 <= len(case.expected) <= 4
        assert all(earlier < later for earlier, later in pairwise([case.begin, *case.expected])), case
        for text in (case.after, *case.fires.split()):
            assert text == f"{utc(text):%Y-%m-%dT%H:%M:%S}".removesuffix(":00")
        for said in (case.cronsim, case.croniter):
            assert (said == "-") == (case.days != "cron"), case
            assert said in "-=" or said.startswith(("refused: ", "differs: "))


@each_category
def test_a_walk_over_utc_minute_by_minute_gives_the_fires_of_the_table(category: str) -> None:
    for case in CATEGORIES[category]:
        walk = fires_after(read(case.expression, case.days), case.zone, case.begin)
        assert list(islice(walk, len(case.expected))) == case.expected, case


@each_category
def test_each_next_fire_is_that_of_the_table_wherever_the_search_begins(category: str) -> None:
    for case in CATEGORIES[category]:
        for before, at in pairwise([case.begin, *case.expected]):
            third = (at - before) / 3
            for start in (before, before + third, before + 2 * third, at - SECOND, at - SECOND / 1000):
                found = next_fire([case.entry], after=start)
                assert found is not None, case
                assert found.at == at, f"{case} searched from {start}"


@each_category
def test_the_fires_of_the_whole_window_are_those_of_the_table(category: str) -> None:
    for case in CATEGORIES[category]:
        found = fires([case.entry], after=case.begin, until=case.expected[-1])
        assert [fire.at for fire in found] == case.expected, case


# --- other programs: each claim of the table is put to the test


def verdict(case: Case, walk: Callable[[Case], Iterator[datetime]], refusal: type[Exception]) -> str:
    """What the table has to say of another program: `=`, `refused` or `differs`."""
    try:
        found = [at.astimezone(UTC) for at in islice(walk(case), len(case.expected))]
    except refusal:
        return "refused"
    return "=" if found == case.expected else "differs"


def cronsim_walk(case: Case) -> Iterator[datetime]:
    return CronSim(case.expression, case.begin.astimezone(zone_of(case.zone)))


@each_category
def test_cronsim_disagrees_exactly_where_the_table_says_so(category: str) -> None:
    for case in CATEGORIES[category]:
        if case.cronsim != "-":
            assert verdict(case, cronsim_walk, CronSimError) == case.cronsim.partition(":")[0], case


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_croniter_disagrees_exactly_where_the_table_says_so() -> None:
    def walk(case: Case) -> Iterator[datetime]:
        begin = case.begin.astimezone(zone_of(case.zone))
        found = croniter(
            case.expression, begin, implement_cron_bug=True, max_years_between_matches=500, ret_type=datetime
        )
        while True:
            yield found.get_next()

    for case in CASES:
        if case.croniter != "-":
            found = verdict(case, walk, CroniterError)
            assert found == case.croniter.partition(":")[0], case


def test_cronsim_is_wrong_where_clocks_are_changed_and_a_week_is_left_open() -> None:
    wrong = {case.category for case in CASES if case.cronsim.startswith("differs")}
    assert wrong == {"dialect-step", "fold-fixed", "midnight", "old", "three-hours"}
