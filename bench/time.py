"""Schedules: the next fire, and a month of a thousand schedules, against cronsim in the same minute."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from cronsim import CronSim

from engine.simulation.core import simulate
from engine.simulation.subject import Assumed, Setting
from jobfile.model.jobs import CommandAction, CronEntry, JobSpec
from jobfile.schedule.cron import parse_cron
from jobfile.schedule.cron_fields import parse_field
from jobfile.schedule.occurrences import fires, next_fire

CASES = list(
    product(
        [
            "30 2 * * *",
            "50 3 * * *",
            "0 * * * *",
            "*/10 8-17 * * 1-5",
            "0 4 * * mon#1",
            "0 22 L * *",
            "15 6 1,15 * *",
        ],
        ["America/New_York", "Europe/Riga", "Australia/Lord_Howe", "UTC"],
        [
            datetime(2026, 3, 7, 12, tzinfo=UTC),
            datetime(2026, 7, 1, tzinfo=UTC),
            datetime(2026, 10, 24, 12, tzinfo=UTC),
        ],
    )
)

ZONES = ["UTC", "America/New_York", "Europe/Riga", "Asia/Tokyo", "Australia/Sydney"]
MIX = [
    (5, "* * * * *"),
    (20, "*/5 * * * *"),
    (75, "{m}/15 * * * *"),
    (100, "*/10 8-17 * * mon-fri"),
    (200, "{m} * * * *"),
    (300, "{m} {h} * * *"),
    (200, "{m} {h} * * 1-5"),
    (50, "{m} {h} * * sun"),
    (30, "{m} {h} 1,15 * *"),
    (20, "{m} {h} L * *"),
]
"""How many of a thousand schedules have which form."""

MONTH_START = datetime(2026, 3, 1, tzinfo=UTC)
MONTH_END = MONTH_START + timedelta(days=31)


def measure() -> list[dict[str, object]]:
    """The two figures of the promises about time."""
    return [next_fire_row(), month_row(), simulate_row()]


def simulate_row() -> dict[str, object]:
    """Occurrences a second in a simulation of a thousand mixed schedules, each run of 30 seconds."""
    specs = [
        JobSpec(
            name=f"job-{index}",
            action=CommandAction(argv=("true",)),
            schedule=(CronEntry(cron=text, timezone=zone),),
        )
        for index, (text, zone) in enumerate(mixed_schedules())
    ]
    setting = Setting(
        jobs=specs,
        since=MONTH_START,
        until=MONTH_START + timedelta(days=5),
        assumed={spec.name: Assumed(length=timedelta(seconds=30)) for spec in specs},
        max_running=10_000,
    )
    best = 0.0
    for _ in range(4):
        begin = time.process_time()
        outcome = simulate(setting)
        rate = sum(row.fires for row in outcome.jobs) / (time.process_time() - begin)
        best = max(best, rate)
    return {
        "name": "simulate, 1,000 mixed schedules",
        "figure": best,
        "unit": "/s",
        "reference_figure": None,
        "ratio": None,
        "promise": ">= 100,000/s a core",
    }


def next_fire_row() -> dict[str, object]:
    """One search for the next fire from an instant, over a table with clock changes."""
    entries = [(CronEntry(cron=text, timezone=zone), after) for text, zone, after in CASES]
    locals_ = [
        (text, after.astimezone(ZoneInfo(zone)) if zone != "UTC" else after) for text, zone, after in CASES
    ]

    def ours() -> int:
        return sum(next_fire([entry], after=after) is not None for entry, after in entries)

    def theirs() -> int:
        return sum(next(CronSim(text, local)) is not None for text, local in locals_)

    ours()  # zones are read once in the life of a process, on both sides
    mine, other, count = race(ours, theirs, rounds=20)
    return row("next fire of a cron expression in a zone", count / mine, count / other, promise=3.0)


def month_row() -> dict[str, object]:
    """Every fire of a month, from the texts: nothing parsed or looked up before."""
    texts = mixed_schedules()
    zones = {name: ZoneInfo(name) for name in ZONES}

    def ours() -> int:
        parse_cron.cache_clear()
        parse_field.cache_clear()
        count = 0
        for text, zone in texts:
            entry = CronEntry(cron=text, timezone=zone)
            for _ in fires([entry], after=MONTH_START, until=MONTH_END):
                count += 1
        return count

    def theirs() -> int:
        count = 0
        for text, zone in texts:
            start = MONTH_START if zone == "UTC" else MONTH_START.astimezone(zones[zone])
            for at in CronSim(text, start):
                if at > MONTH_END:
                    break
                count += 1
        return count

    mine, other, count = race(ours, theirs, rounds=1)
    return row("a month of 1,000 mixed schedules, each fire", count / mine, count / other, promise=20.0)


def mixed_schedules() -> list[tuple[str, str]]:
    """A thousand schedules spread over minutes, hours and zones, always the same ones."""
    forms = [form for count, form in MIX for _ in range(count)]
    return [
        (
            form.format(m=index * 7 % (15 if "/15" in form else 60), h=index * 5 % 24),
            ZONES[index % len(ZONES)],
        )
        for index, form in enumerate(forms)
    ]


def race(ours: Callable[[], int], theirs: Callable[[], int], *, rounds: int) -> tuple[float, float, int]:
    """The best seconds of each side, and how many fires both found."""
    best = [float("inf"), float("inf")]
    counts = [0, 0]
    for _ in range(rounds):
        for side, run in enumerate((ours, theirs)):
            started = time.perf_counter()
            counts[side] = run()
            best[side] = min(best[side], time.perf_counter() - started)
    assert counts[0] == counts[1], f"the two sides found {counts[0]} and {counts[1]} fires"
    return best[0], best[1], counts[0]


def row(name: str, figure: float, reference_figure: float, *, promise: float) -> dict[str, object]:
    """One line of the results; `ratio` and `promise` are how many times the reference's rate."""
    return {
        "name": name,
        "figure": round(figure),
        "unit": "fires/s",
        "reference": "cronsim",
        "reference_figure": round(reference_figure),
        "ratio": round(figure / reference_figure, 2),
        "promise": f"at least {promise:g} x cronsim",
    }
