"""`jobfile next`: when a job, or a cron expression, fires next."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click

from engine.adapters.files import FolderTree
from engine.cli.commands.check import INVALID, print_diagnostics
from engine.cli.output import print_json, printable
from engine.cli.place import Place, UnknownJobError, json_option, place_options
from engine.cli.times import parse_instant
from engine.errors import JobfileError
from engine.wording import seconds_text
from jobfile.cron import CronProblem, parse_cron
from jobfile.duration import parse_duration
from jobfile.model import CronEntry, DayRule, EveryEntry, ScheduleEntry
from jobfile.occurrences import explain_fire, load_zone, next_fire
from jobfile.pipeline import compile_files
from jobfile.suggest import suggest
from jobfile.words import describe

YEAR = timedelta(days=366)


@click.command("next")
@click.argument("what", metavar="JOB or EXPR", required=False)
@click.option("--timezone", "zone_name", metavar="ZONE", help="The zone of EXPR [default: UTC].")
@click.option("--now", "start", metavar="TIME", help="Look from then on [default: now].")
@click.option("--count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many fires.")
@json_option
@place_options
def command(
    what: str | None, zone_name: str | None, start: str | None, count: int, *, as_json: bool, place: Place
) -> int:
    """The next fires of JOB, of a cron EXPR in quotes, of a period (10m), or of all jobs."""
    zone = _zone(zone_name)
    now = parse_instant(start, zone, now=place.now()) if start else place.now()
    if what is not None and (" " in what.strip() or what.startswith("@") or parse_duration(what)):
        entry = _entry(what, zone.key)
        return _print({what: (entry,)}, count, now=now, as_json=as_json, is_single=True)
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise JobfileError(f"{snapshot.problem}; name the job file with -f, or give an expression in quotes")
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    if compiled.catalog is None:
        print_diagnostics(compiled.diagnostics, compiled.sources)
        return INVALID
    schedules = {one.spec.name: one.spec.schedule for one in compiled.catalog.jobs if one.spec.enabled}
    if what is None:
        return _print(schedules, count, now=now, as_json=as_json, is_single=False)
    if compiled.catalog.job(what) is None:
        near = suggest(what, compiled.catalog.names)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UnknownJobError(f"no job `{what}` in {place.main_file}{hint}")
    return _print({what: schedules.get(what, ())}, count, now=now, as_json=as_json, is_single=True)


def _zone(name: str | None) -> ZoneInfo:
    zone = load_zone(name or "UTC")
    if zone is None:
        raise click.UsageError(f"unknown time zone '{name}'; use a name such as Europe/Oslo or UTC")
    return zone


def _entry(text: str, zone: str) -> ScheduleEntry:
    period = parse_duration(text)
    if period:
        return EveryEntry(every=period, timezone=zone)
    parsed = parse_cron(text, days=DayRule.CRON)
    if isinstance(parsed, CronProblem):
        marks = " " * parsed.start + "^" * max(1, parsed.end - parsed.start)
        hints = "".join(f"\n  help: {hint}" for hint in parsed.help)
        label = f" {parsed.label}" if parsed.label else ""
        raise JobfileError(
            f"[{parsed.code}] {parsed.message}\n\n  {printable(text)}\n  {marks}{label}\n{hints}"
        )
    return CronEntry(cron=text, timezone=zone)


def _print(
    schedules: dict[str, tuple[ScheduleEntry, ...]],
    count: int,
    *,
    now: datetime,
    as_json: bool,
    is_single: bool,
) -> int:
    found = {name: _fires(entries, count, now=now) for name, entries in schedules.items()}
    if as_json:
        if is_single:
            print_json({"format": 1, "now": now.isoformat(), "fires": next(iter(found.values()))})
        else:
            jobs = [{"job": name, "fires": rows} for name, rows in found.items()]
            print_json({"format": 1, "now": now.isoformat(), "jobs": jobs})
        return 0
    for index, (name, rows) in enumerate(found.items()):
        if index:
            click.echo()
        _print_one(name, schedules[name], rows, now=now, has_head=not is_single)
        if schedules[name] and len(rows) < count:
            click.echo("  none after that" if rows else "  none from now on")
    return 0


def _print_one(
    name: str,
    entries: Sequence[ScheduleEntry],
    rows: Sequence[dict[str, str]],
    *,
    now: datetime,
    has_head: bool,
) -> None:
    words = "; ".join(describe(entry) for entry in entries) or "no schedule: started by a person"
    click.echo(f"{name}: {words}" if has_head else words)
    for index, row in enumerate(rows):
        at = datetime.fromisoformat(row["utc"])
        local = datetime.fromisoformat(row["local"])
        distance = f"   in {seconds_text((at - now).total_seconds())}" if index == 0 else ""
        seconds = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
        utc = f"{at:%H:%M:%SZ}" if at.second else f"{at:%H:%MZ}"
        note = f"   {row['note']}" if row["note"] else ""
        click.echo(f"  {local:%a %Y-%m-%d} {seconds} {row['zone']:<5} {utc}{distance}{note}")


def _fires(entries: Sequence[ScheduleEntry], count: int, *, now: datetime) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    after = now
    while len(rows) < count:
        fire = next_fire(entries, after=after) if entries else None
        if fire is None:
            break
        entry = entries[fire.entry]
        zone = load_zone(entry.timezone)
        local = fire.at.astimezone(zone)
        note = explain_fire(entry, fire.at)
        rows.append(
            {
                "utc": fire.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "local": local.isoformat(),
                "zone": local.tzname() or "",
                "note": note,
            }
        )
        after = fire.at
    return rows
