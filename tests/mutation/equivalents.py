"""Changes that do not change behaviour, each with the reason.

Reviewed by hand: a gap in the tests is not a reason.
"""

from typing import NamedTuple

from tests.mutation.mutating import Mutant


class Equivalent(NamedTuple):
    """A change to a line of a module, and why it has no visible effect."""

    path: str
    source: str
    change: str
    because: str


EQUIVALENTS: tuple[Equivalent, ...] = (
    Equivalent(
        "engine/answers/steps.py",
        "if not found:",
        "not found -> False",
        "no steps in any order are no steps; the check only saves reading the definition",
    ),
    *(
        Equivalent(
            "jobfile/schedule/occurrences.py",
            "if after >= until:",
            change,
            "an empty or reversed window contains nothing; the check only saves time",
        )
        for change in ("after >= until -> False", "after >= until -> (after > until)")
    ),
    Equivalent(
        "jobfile/schedule/occurrences.py",
        "for year in range(after.year, until.year + 1) if after < until else ():",
        "1 -> 2",
        "a piece of a later year begins after the end of the window, so it has no instant inside",
    ),
    Equivalent(
        "jobfile/schedule/occurrences.py",
        "after = max(after, _utc_midnight(entry.from_day) - _AROUND_A_DAY)",
        "after = max(after, _utc_midnight(entry.from_day) - _AROUND_A_DAY) -> pass",
        "each day is checked later anyway; this only saves time",
    ),
    *(
        Equivalent(
            "engine/core/due.py",
            "until, span = after, span * 4",
            change,
            "the length of one look backwards changes only the time that it takes, not the result",
        )
        for change in ("4 -> 3", "4 -> 5", "span * 4 -> (span // 4)")
    ),
    Equivalent(
        "engine/answers/reasons.py",
        "since, span = item.scheduled_for + INSTANT, timedelta(hours=1)",
        "1 -> 2",
        "the length of one look forward changes only the time that it takes, not the result",
    ),
    Equivalent(
        "engine/answers/reasons.py",
        "while since < item.scheduled_for + SOON and item.run is not None:",
        "since < item.scheduled_for + SOON -> (since <= item.scheduled_for + SOON)",
        "each look begins an instant after a full hour, so none begins at exactly that time",
    ),
    Equivalent(
        "engine/answers/did.py",
        "if last is not None and last.id != run.id:",
        "last is not None and last.id != run.id -> (last.id != run.id)",
        "an item made from a run always has a run; only the types do not express that",
    ),
    *(
        Equivalent(
            "engine/answers/why.py",
            source,
            change,
            "the length of one look backwards changes only the time that it takes, not the result",
        )
        for source, change in (
            ("span, looked = timedelta(hours=1), timedelta()", "1 -> 2"),
            ("looked, span = min(span, NEAR), span * 4", "4 -> 3"),
            ("looked, span = min(span, NEAR), span * 4", "4 -> 5"),
            ("looked, span = min(span, NEAR), span * 4", "min -> max"),
        )
    ),
    *(
        Equivalent(
            "engine/answers/newest.py",
            source,
            change,
            "the length of one look backwards changes only the time that it takes, not the result",
        )
        for source, change in (
            ("until, span = since, span * 4", "4 -> 3"),
            ("until, span = since, span * 4", "4 -> 5"),
            ("since = max(now - LOOK_BACK, until - span)", "max -> min"),
        )
    ),
    Equivalent(
        "engine/answers/newest.py",
        "found = _newest_in(view, job, since=now + INSTANT, until=FAR, now=now, fits=fits)",
        "now + INSTANT -> (now - INSTANT)",
        "the next look also finds items at this instant, and future items come before them",
    ),
    *(
        Equivalent(
            "engine/answers/expected.py",
            "if since <= gap.first_at and gap.last_at < until:",
            change,
            "counting a gap one by one gives the same number; its stored count only saves time",
        )
        for change in (
            "since <= gap.first_at -> (since < gap.first_at)",
            "since <= gap.first_at and gap.last_at < until -> False",
        )
    ),
    Equivalent(
        "engine/answers/counting.py",
        "if root is None:",
        "root is None -> False",
        "retention never removes a run that was retried; only the types do not express that",
    ),
    Equivalent(
        "jobfile/schedule/occurrences.py",
        "for year in range(after.year, until.year + 1) if after < until else ():",
        "after < until -> (after <= until)",
        "an empty stretch contains no instant",
    ),
    *(
        Equivalent(
            "jobfile/schedule/local_times.py",
            "if piece.end > low and piece.start < high:",
            change,
            "a piece that only touches the stretch has no instant in it",
        )
        for change in ("piece.start < high -> (piece.start <= high)", "piece.end > low -> (piece.end >= low)")
    ),
    Equivalent(
        "engine/core/retry.py",
        "factor = 2 ** min(attempt - 1, 40)",
        "40 -> 39",
        "any delay of a second times two to the 39th exceeds every max_delay",
    ),
    Equivalent(
        "engine/answers/did.py",
        'return f"{tries}, took {_took(run)}" if run.started_at and run.ended_at else tries',
        "run.started_at and run.ended_at -> (run.started_at or run.ended_at)",
        "a run that succeeded has begun and ended; only the types do not express that",
    ),
    Equivalent(
        "jobfile/schedule/occurrences.py",
        "if seconds < 1:",
        "seconds < 1 -> (seconds <= 1)",
        "the remainder of a division by one is zero, too",
    ),
    *(
        Equivalent(
            "jobfile/schedule/occurrences.py",
            source,
            change,
            "each day is checked later anyway; this only saves time",
        )
        for source, change in (
            ("if entry.from_day is not None:", "entry.from_day is not None -> False"),
            ("if entry.until_day is not None:", "entry.until_day is not None -> False"),
            (
                "case EveryEntry() if entry.from_day is entry.until_day is None:",
                "entry.from_day is entry.until_day is None -> "
                "(entry.from_day is entry.until_day is not None)",
            ),
        )
    ),
    Equivalent(
        "jobfile/schedule/local_times.py",
        "if year > after.year and not _has_days(times, year):",
        "year > after.year -> (year >= after.year)",
        "a year without a named day has no instant, whether its pieces are checked or not",
    ),
    Equivalent(
        "engine/core/due.py",
        "if after < window.until:",
        "after < window.until -> (after <= window.until)",
        "an empty stretch contains no instant; the check only saves time",
    ),
    Equivalent(
        "engine/core/retry.py",
        "factor = 2 ** min(attempt - 1, 40)",
        "40 -> 41",
        "any delay of a second times two to the 40th exceeds every max_delay",
    ),
    *(
        Equivalent(
            "engine/ledger/health.py",
            source,
            "0.0 -> 1.0",
            "it is read only after a failure, which sets it; the number here only has the right type",
        )
        for source in ("self._began = 0.0", "self._failed = 0.0")
    ),
    Equivalent(
        "engine/answers/explained.py",
        'return Page(code=code, severity=one.severity.value, says=one.says, text=page_text(code) or "")',
        'page_text(code) or "" -> (page_text(code))',
        "every code has a page, as a test checks; only the types do not express that",
    ),
    Equivalent(
        "engine/answers/logs.py",
        "for one, output in zip(logs.attempts, logs.outputs, strict=True)",
        "True -> False",
        "one output is read for each attempt, so there are as many; it only asserts that",
    ),
    *(
        Equivalent(f"engine/answers/{module}.py", source, change, because)
        for module, source, change, because in (
            (
                "upcoming",
                'return self.local.tzname() or ""',
                'self.local.tzname() or "" -> (self.local.tzname())',
                "a local time of a schedule has a zone; only the types do not express that",
            ),
            (
                "upcoming",
                "at, local = one.at.replace(microsecond=0), one.local",
                "0 -> 1",
                "a microsecond is too short to be shown, in a time or in a distance",
            ),
            (
                "upcoming",
                "return isinstance(parsed, CronExpression) and parsed.restricts_both_days",
                "isinstance(parsed, CronExpression) and parsed.restricts_both_days -> "
                "(parsed.restricts_both_days)",
                "the expression of an entry was parsed before; only the types do not express that",
            ),
            (
                "agenda",
                "return (day + instant_text(at, local.tzinfo or UTC), utc, one.job, "
                '"; ".join(filter(None, notes)))',
                "local.tzinfo or UTC -> (local.tzinfo)",
                "a local time of a schedule has a zone; only the types do not express that",
            ),
        )
    ),
    Equivalent(
        "jobfile/shell/injection.py",
        "found += words[at + 1 : at + 2]",
        "at + 1 -> (at - 1)",
        "the word before a comparison is taken anyway, and before -v no operand can stand",
    ),
    Equivalent(
        "engine/answers/listing.py",
        "while fire is not None and fire.at <= now - GRACE:",
        "now - GRACE -> (now + GRACE)",
        "an occurrence that is not late enough gives no result, whether the loop ends before it or at it",
    ),
    *(
        Equivalent("engine/notifications/noting.py", source, change, because)
        for source, change, because in (
            (
                "if not spec.notify and not spec.ping:",
                "not spec.notify and not spec.ping -> False",
                "a job without notifications and ping has no channel for any event; it only saves time",
            ),
            (
                "newest = store.newest_ends("
                "run.job, since=_BEGINNING, limit=2, combinations=run.combinations)",
                "2 -> 3",
                "only the first two are looked at",
            ),
            (
                'found = notices(spec, run.state, previous=TROUBLE[0] if is_trouble else "")',
                "0 -> 1",
                "a success is a recovery after each of these events",
            ),
        )
    ),
    *(
        Equivalent(
            "engine/answers/retryable.py",
            "bad = view.runs_in(since=since, until=until, jobs=jobs, state=BAD, limit=MAX_RETRIED * 10)",
            change,
            "it only has to be much more than may be retried; the rest is found by the next command",
        )
        for change in ("10 -> 11", "10 -> 9")
    ),
    *(
        Equivalent(
            f"engine/answers/{module}.py",
            source,
            "True -> False",
            "the words are made for each run, so there are as many; it only asserts that",
        )
        for module, source in (
            (
                "runs",
                "rows = [_cells(found, run, words) for run, words in "
                "zip(found.runs, found.words, strict=True)]",
            ),
            ("retryable", "for run, words in zip(found.runs, found.words, strict=True)"),
        )
    ),
    *(
        Equivalent(
            "engine/answers/reasons.py",
            "since, span = since + span, span * 4",
            change,
            "the length of one look forward changes only the time that it takes, not the result",
        )
        for change in ("4 -> 3", "4 -> 5", "span * 4 -> (span // 4)")
    ),
    Equivalent(
        "engine/answers/facts.py",
        'by = f" by {item.run.requested_by}" if item.run and item.run.requested_by else ""',
        "item.run and item.run.requested_by -> (item.run.requested_by)",
        "an item that is not scheduled is always a run; only the types do not express that",
    ),
    Equivalent(
        "engine/answers/runs.py",
        "for gap in reversed(view.gaps_between(None, since=since, until=until - INSTANT))",
        "until - INSTANT -> (until + INSTANT)",
        "a record that begins at the end has no part in the window, and only parts are listed",
    ),
    *(
        Equivalent(
            "jobfile/schedule/occurrences.py",
            "until, span = until - span, span * 4",
            change,
            "the length of one look backwards changes only the time that it takes, not the result",
        )
        for change in ("4 -> 3", "4 -> 5")
    ),
    Equivalent(
        "jobfile/schedule/local_times.py",
        "while before < last:",
        "before < last -> (before <= last)",
        "the month after the last day is looked at too, of which no day is before that",
    ),
    Equivalent(
        "jobfile/plan/runs.py",
        "is_simple = isinstance(first, EveryEntry) and first.from_day is first.until_day is None",
        "first.from_day is first.until_day is None -> (first.from_day is first.until_day is not None)",
        "then no schedule is simple, and counting its runs one by one gives the same number",
    ),
    Equivalent(
        "engine/supervisor/masking.py",
        "continue",
        "continue -> pass",
        "none of these numbers is a sign of a form, so that nothing is found; it only saves time",
    ),
)


def is_equivalent(path: str, mutant: Mutant) -> bool:
    """Whether this change is listed."""
    return any(
        (one.path, one.source, one.change) == (path, mutant.source, mutant.change) for one in EQUIVALENTS
    )
