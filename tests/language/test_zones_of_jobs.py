"""The one zone of a job: its own, else the one that all entries of its schedule name, else UTC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.model.jobs import JobSpec
from jobfile.pipeline import compile_files

ZONES = ("Europe/Oslo", "America/New_York", "Asia/Tokyo", "UTC")


def compiled(keys: str, *, defaults: str = "{}") -> tuple[JobSpec, set[str]]:
    run = "run: echo {{ run.scheduled_at | date('%F') }}"
    text = f"version: 1\ndefaults: {defaults}\njobs:\n  a:\n    {keys}\n    {run}\n"
    found = compile_files([("jobs.yaml", text.encode())])
    assert found.catalog is not None
    return found.catalog.jobs[0].spec, {one.code for one in found.diagnostics}


@given(
    st.lists(st.sampled_from((None, *ZONES)), min_size=1, max_size=4),
    st.sampled_from((None, *ZONES)),
    st.sampled_from((None, *ZONES)),
)
def test_a_job_has_the_zone_that_its_entries_agree_on(
    entries: list[str | None], own: str | None, default: str | None
) -> None:
    written = [
        f'{{cron: "{minute} 4 * * *"{f", timezone: {zone}" if zone else ""}}}'
        for minute, zone in enumerate(entries)
    ]
    keys = f"schedule: [{', '.join(written)}]" + (f"\n    timezone: {own}" if own else "")
    spec, codes = compiled(keys, defaults=f"{{timezone: {default}}}" if default else "{}")
    agreed = entries[0] if len(set(entries)) == 1 else None
    expected = own or default or agreed or "UTC"
    assert spec.timezone == expected
    assert [one.timezone for one in spec.schedule] == [zone or expected for zone in entries]
    assert ("JF435" in codes) == any(zone not in (None, expected) for zone in entries)


@pytest.mark.parametrize(
    "schedule",
    [
        "{every: 1h, timezone: Asia/Tokyo}",
        '{at: "2030-03-05T07:00", timezone: Asia/Tokyo}',
        '[{cron: "0 4 * * *", timezone: Asia/Tokyo}, {every: 1h, timezone: Asia/Tokyo}]',
    ],
)
def test_every_kind_of_entry_gives_the_job_its_zone(schedule: str) -> None:
    assert compiled(f"schedule: {schedule}")[0].timezone == "Asia/Tokyo"


def test_naming_the_zone_for_the_job_means_the_same() -> None:
    entry, _ = compiled('schedule: {cron: "0 4 * * *", timezone: Asia/Tokyo}')
    job, _ = compiled('schedule: "0 4 * * *"\n    timezone: Asia/Tokyo')
    assert entry == job


@pytest.mark.parametrize(
    ("script", "is_reported"),
    [
        ("echo {{ run.id }}", False),
        ("echo {{ run.scheduled_at }}", True),
        ("echo {{ run.previous_success }}", True),
        ("echo $JOBFILE_INTERVAL_START", True),
        ("echo {{ run.scheduled_at | in_zone('Asia/Tokyo') | date('%F') }}", False),
        ("echo {{ run.scheduled_at | date('%H:%M %Z') }}", False),
        ("echo hello", False),
    ],
)
def test_a_difference_is_reported_only_where_a_time_is_written(script: str, is_reported: bool) -> None:
    keys = 'timezone: UTC, schedule: {cron: "0 4 * * *", timezone: Asia/Tokyo}'
    text = f'version: 1\njobs:\n  a: {{{keys}, run: "{script}"}}\n'
    codes = {one.code for one in compile_files([("jobs.yaml", text.encode())]).diagnostics}
    assert ("JF435" in codes) == is_reported
