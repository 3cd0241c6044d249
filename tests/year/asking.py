"""Questions about the year, asked of the engine's answers and of the model."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.answers.did import Did, did
from engine.answers.presence import RUNNING, Presence
from engine.answers.report import make_report
from engine.answers.why import why
from tests.ledgers import Chosen
from tests.year.jobs import BEGIN, fires_between, first_instant
from tests.year.life import KEEP_DAYS, Life
from tests.year.model import ON_TIME, OPEN, Occurrence

DEAD = Presence(is_running=False)
INSTANT = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
QUARTER = timedelta(minutes=15)
NOBODY = "nobody"
CODES = {"succeeded": 0, "skipped": 3, "missed": 3, "overdue": 6} | dict.fromkeys(OPEN, 4)
WORST_FIRST = (1, 3, 6, 4, 0)


class Asking:
    """Asks at one moment of a life; each method returns what does not agree, in words."""

    def __init__(self, life: Life) -> None:
        self.life, self.model, self.draw = life, life.model, life.draw
        self.now = life.now
        self.presence = RUNNING if life.is_up else DEAD
        self.view = Chosen.ledgers.view(life.world.config.ledger)
        self.names = sorted({*self.model.of_job, *self.model.known, NOBODY})

    def close(self) -> None:
        """End the reading."""
        self.view.close()

    # --- did

    def did(self) -> str:
        """Ask about a day, a week or an instant of a job, for all its params or one."""
        name = self.draw.choice(self.names)
        zone = self._zone(name)
        params = {"region": self.draw.choice(("eu", "us"))} if name.startswith("regions") else {}
        at = self._some_time(name)
        day = at.astimezone(zone_info(zone)).date()
        kind = self.draw.choice(("day", "week", "instant"))
        last = day + timedelta(days=6) if kind == "week" else day
        since, until = first_instant(zone, day), first_instant(zone, last + timedelta(days=1))
        if kind == "instant":
            since, until = at, at + SECOND
        found = did(
            self.view,
            name,
            zone=zone_info(zone),
            params=params,
            on=None if kind == "instant" else (day, last),
            at=at if kind == "instant" else None,
            now=self.now,
            presence=self.presence,
        )
        return self._differs(found, name, since, until, params.get("region", ""))

    def _differs(self, found: Did, name: str, since: datetime, until: datetime, region: str) -> str:
        items = [
            one
            for one in self.items(name, since, until)
            if one.retry_of is None and region in ("", one.region)
        ]
        code, verdicts = self._answer(items, name, since, until)
        is_same = (int(found.answer), Counter(found.states)) == (code, verdicts)
        if is_same and (len(items) != 1 or self._is_like(found, items[0].last)):
            return ""
        is_gone = "retention" in found.line and any(map(self._may_be_pruned, items))
        if is_gone and int(found.answer) in (code, 1):
            return ""
        return f"did {name} [{since}, {until}) {region}: expected {code} {dict(verdicts)}, is {found.line}"

    def _is_like(self, found: Did, one: Occurrence) -> bool:
        """Whether the only item has the same reason and exit code."""
        (item,) = found.items
        is_same = one.verdict in OPEN or item.reason == one.why
        if item.run is None or one.decisive is None:
            return is_same
        return is_same and item.run.exit_code == one.decisive.exit_code

    def _answer(
        self, items: list[Occurrence], name: str, since: datetime, until: datetime
    ) -> tuple[int, Counter[str]]:
        """The exit code, and the verdicts: docs/commands.md."""
        if not items:
            is_coming = any(self._comes(one, since, until) for one in (name, *self._roots(name)))
            return (4 if is_coming else 5), Counter()
        coming = self._comes(name, self.now, until)
        verdicts = Counter(self.verdict(one.last) for one in items)
        codes = {self._code(one.last) for one in items}
        worst = next(code for code in WORST_FIRST if code in codes)
        return (4 if coming and worst == 0 else worst), verdicts

    def _code(self, one: Occurrence) -> int:
        verdict = self.verdict(one)
        return CODES.get(verdict, 1 if one.ran else 3)

    def _comes(self, name: str, since: datetime, until: datetime) -> bool:
        """Whether something falls due after now, in [since, until)."""
        schedules = [one for one in self.model.schedules if one.name == name and one.until is None]
        after = max(self.now, since - INSTANT)
        return any(fires_between(one.job, after, until - INSTANT) for one in schedules)

    def _roots(self, name: str) -> set[str]:
        """The jobs at the beginning of the chains that lead to a job."""
        above = self.model.jobs[name].after if name in self.model.jobs else ()
        found = {root for one in above for root in self._roots(one)}
        return found | {one for one in above if not self._roots(one)}

    # --- why

    def why(self) -> str:
        """Ask about an instant of a job."""
        name, at = self.draw.choice(self.names), None
        at = self._some_time(name)
        items = self.items(name, at, at + SECOND)
        story = why(
            self.view, name, at, zone=zone_info(self._zone(name)), now=self.now, presence=self.presence
        )
        first = [one for one in items if one.retry_of is None]
        one = next((one for one in items if one.is_scheduled), first[-1] if first else None)
        if one is None:
            expected = ("", "")
            has = ("" if story.state is None else story.state.value, "")
        else:
            expected = (self.verdict(one), "" if one.verdict in OPEN else one.why)
            state = "overdue" if story.is_overdue else story.state.value if story.state else ""
            has = (state, "" if one.verdict in OPEN else story.reason)
        if has == expected or any(map(self._may_be_pruned, items)):
            return ""
        return f"why {name} {at}: expected {expected}, is {has}: {story.headline}"

    # --- report

    def report(self) -> str:
        """Ask for the sums of a window; a counted run without details belongs to a quarter of an hour."""
        quarters = int((self.now - BEGIN) / QUARTER) + 8
        first = self.draw.randrange(quarters)
        since = BEGIN + QUARTER * first
        until = since + QUARTER * self.draw.choice((1, 8, 96, 700, 3_000, 40_000))
        found = make_report(self.view, since=since, until=until, now=self.now, presence=self.presence)
        wrong = [f"{job} does not add up" for job in found.wrong]
        rows = {row.job: (row.expected, Counter(row.verdicts)) for row in found.rows if row.expected}
        for name in self.names:
            verdicts = self.counts(name, since, min(until, self.now + INSTANT))
            expected = (verdicts.total(), verdicts)
            if rows.get(name, (0, Counter())) != expected:
                wrong.append(f"{name}: expected {dict(verdicts)}, is {rows.get(name)}")
        return f"report [{since}, {until}): {wrong[:3]}" if wrong else ""

    def counts(self, name: str, since: datetime, until: datetime) -> Counter[str]:
        """The verdicts of a job in a window, each expected run once."""
        counts: Counter[str] = Counter()
        for one in (*self.model.of_job.get(name, ()), *self._undecided(name)):
            if since <= one.at < until and one.retry_of is None:
                first, last = self.verdict(one), self.verdict(one.last)
                is_fixed = last == "succeeded" != first
                counts["fixed_by_hand" if is_fixed else "open" if last in OPEN else last] += 1
        return counts

    # --- what the model knows

    def verdict(self, one: Occurrence) -> str:
        """The verdict of an occurrence now: without an engine, what is due is overdue."""
        if one.verdict not in OPEN:
            return one.verdict
        due = [run.not_before for run in one.runs if run.state == "queued"]
        due += [run.retry_at for run in one.runs if run.state == "retry_wait" and run.retry_at is not None]
        due += [one.at] if not one.runs and not one.reason else []
        is_due = bool(due) and self.now - min(due) > ON_TIME
        return "overdue" if is_due and not self.life.is_up else one.verdict

    def items(self, name: str, since: datetime, until: datetime) -> list[Occurrence]:
        """What was expected of a job in [since, until), as far as it is due."""
        own = [one for one in self.model.of_job.get(name, ()) if since <= one.at < until]
        own += [one for one in self._undecided(name) if since <= one.at < until]
        return sorted([*own, *self._awaited(name, own, since, until)], key=lambda one: one.at)

    def _undecided(self, name: str) -> Iterator[Occurrence]:
        """What no engine has decided about."""
        for schedule in self.model.schedules:
            if schedule.name == name and schedule.until is None:
                for at, entry in fires_between(schedule.job, schedule.covered, self.now):
                    reason = "paused" if self.model._paused(name, at) else ""
                    yield Occurrence(name, at, True, state="queued", reason=reason, region=entry.region)

    def _awaited(
        self, name: str, own: list[Occurrence], since: datetime, until: datetime
    ) -> Iterator[Occurrence]:
        """The times of the jobs that a job follows, for which it has no record: docs/after.md."""
        job = self.model.jobs.get(name)
        if job is None or not job.is_enabled or not job.after or job.when == "failed":
            return
        above = {each: {one.at: one for one in self.items(each, since, until)} for each in job.after}
        for at in sorted({at for found in above.values() for at in found} - {one.at for one in own}):
            found = [above[each][at] for each in job.after if at in above[each]]
            if job.is_all and len(found) < len(job.after):
                continue
            if any(one.verdict in OPEN for one in found):
                yield Occurrence(name, at, False, state="queued", reason="awaits")
            elif job.when == "succeeded" and any(map(self._is_gap, found)) and self.model.first_at[name] < at:
                yield Occurrence(name, at, False, state="skipped", reason="after", is_row=False)

    def _is_gap(self, one: Occurrence) -> bool:
        return not one.is_row and one.verdict != "succeeded"

    def _may_be_pruned(self, one: Occurrence) -> bool:
        """Whether only a count of it may be left."""
        return not one.is_scheduled and one.at < self.now - timedelta(days=KEEP_DAYS)

    def _zone(self, name: str) -> str:
        return self.model.known[name].zone if name in self.model.known else "UTC"

    def _some_time(self, name: str) -> datetime:
        """A time at which something of a job was due, or any other."""
        found = self.model.of_job.get(name)
        if found and self.draw.random() < 0.8:
            return self.draw.choice(found).at
        minutes = int((self.now - BEGIN) / timedelta(minutes=1))
        return BEGIN + timedelta(minutes=self.draw.randrange(-3_000, minutes + 3_000))


def zone_info(name: str) -> ZoneInfo:
    """A zone."""
    return ZoneInfo(name)
