"""Schedules of other tools and in words: the help says what to write, and that is valid."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.fixing.edits import apply_fixes
from jobfile.foreign.schedule_texts import as_written, entry_meant
from jobfile.pipeline import check_files
from tests.soak import examples
from tests.together import together

MEANT = [
    ("rate(5 minutes)", "{every: 5m}"),
    ("rate(1 day)", "{every: 1d}"),
    ("Rate(2 hours)", "{every: 2h}"),
    ("cron(0 10 * * ? *)", '"0 10 * * *"'),
    ("cron(15 12 ? * MON-FRI *)", '"15 12 * * MON-FRI"'),
    ("cron(0 8 ? * 2-6 *)", '"0 8 * * 1-5"'),
    ("cron(*/5 * * * *)", '"*/5 * * * *"'),
    ("every 5 minutes", "{every: 5m}"),
    ("every 15 mins", "{every: 15m}"),
    ("each hour", "{every: 1h}"),
    ("every 90 minutes", "{every: 1h30m}"),
    ("5m", "{every: 5m}"),
    ("30 seconds", "{every: 30s}"),
    ("PT1H", "{every: 1h}"),
    ("R/PT15M", "{every: 15m}"),
    ("P1DT12H", "{every: 1d12h}"),
    ("hourly", '"0 * * * *"'),
    ("daily", '"0 0 * * *"'),
    ("weekly", '"0 0 * * mon"'),
    ("monthly", '"0 0 1 * *"'),
    ("midnight", '"0 0 * * *"'),
    ("nightly", '"0 0 * * *"'),
    ("weekdays", '"0 0 * * mon-fri"'),
    ("03:00", '"0 3 * * *"'),
    ("3am", '"0 3 * * *"'),
    ("12am", '"0 0 * * *"'),
    ("12:30 pm", '"30 12 * * *"'),
    ("at 04:00", '"0 4 * * *"'),
    ("daily at 03:00", '"0 3 * * *"'),
    ("every day at 7:15pm", '"15 19 * * *"'),
    ("every monday 09:00", '"0 9 * * mon"'),
    ("tue,thu at 6:05", '"5 6 * * tue,thu"'),
    ("monday-friday at 9am", '"0 9 * * mon-fri"'),
    ("weekends at noon", '"0 12 * * sat,sun"'),
    ("*-*-* 04:00:00", '"0 4 * * *"'),
    ("Mon..Fri *-*-* 09:00", '"0 9 * * mon-fri"'),
    ("*-*-01 06:00:00 Europe/Oslo", '{cron: "0 6 1 * *", timezone: Europe/Oslo}'),
    ("Mon *-*-1..7 06:00", '{cron: "0 6 1-7 * mon", days: both}'),
]
UNKNOWN = [
    *(
        "60",
        "5",
        "sometimes",
        "every",
        "every now and then",
        "25:00",
        "13pm",
        "0am",
        "12:60",
        "day 5",
        "3",
        "",
    ),
    *(
        "rate(5)",
        "rate(0 minutes)",
        "rate(soon)",
        "cron(0 10 * * ? 2027)",
        "cron()",
        "every 0s",
        "every 100ms",
    ),
    *("at 3:00 and 4:00", "FREQ=DAILY;BYHOUR=4", "mon-noday", "*-*-* 04:00:30", "P1M", "R/", "PT"),
]


def checked(schedule: str) -> tuple[list[str], tuple[str, ...], str]:
    """The codes of errors, the help of the first, and the text after its fix."""
    text = f"version: 1\njobs:\n  a:\n    schedule: {schedule}\n    run: ls\n"
    looked = check_files([("jobs.yaml", text.encode())])
    errors = [one for one in looked.diagnostics if one.is_error]
    fixed = apply_fixes(looked.sources["jobs.yaml"], errors, unsafe=True)[0] if errors else text
    return [one.code for one in errors], errors[0].help if errors else (), fixed


@together(("text", "expected"), MEANT)
def test_a_known_form_leads_to_a_valid_entry(text: str, expected: str) -> None:
    codes, help_, fixed = checked(f"'{text}'")
    assert codes == ["JF301"]
    assert help_ == (f"write  {expected}",)
    assert f"schedule: {expected}\n" in fixed
    assert checked(expected)[0] == []
    within, advice, _ = checked(f"{{cron: '{text}', timezone: UTC}}")
    assert within == ["JF301"]
    (key, value), *_ = entry_meant(text).items()  # type: ignore[union-attr]  # MEANT has only known forms
    assert advice[0].startswith(f'write `{key}: "{value}"' if key == "cron" else f"write `{key}: {value}`")


@together("text", UNKNOWN)
def test_what_is_not_understood_is_not_guessed(text: str) -> None:
    assert entry_meant(text) is None


@pytest.mark.parametrize("text", ["manual", "never", "On demand", "off"])
def test_a_job_without_a_time_needs_no_schedule(text: str) -> None:
    assert checked(text)[1] == ("remove `schedule`: the job then starts only by hand",)


WORDS = (
    "every each day daily weekdays weekend mon tue-thu friday fri..sun at and noon 03:00 3am 12:30pm 5 "
    "minutes hour rate( ) cron( * ? 0 1-5 L PT1H P1D 2h *-*-* 04:00:00 UTC Europe/Oslo hourly 1e9 : , - @ É"
)


def test_a_period_of_go_has_a_fix() -> None:
    codes, help_, fixed = checked("'@every 3h'")
    assert (codes, help_) == (["JF301"], ("write `every: 3h` instead of `cron:`",))
    assert "schedule: {every: 3h}\n" in fixed


words = st.sampled_from(WORDS.split())


@settings(deadline=None, max_examples=examples(75))
@given(st.lists(words, max_size=7).map(" ".join) | st.text(max_size=90))
def test_an_entry_that_is_suggested_is_always_valid(text: str) -> None:
    meant = entry_meant(text)
    if meant is not None:
        assert yaml.safe_load(as_written(meant)) in (dict(meant), meant.get("cron"))
        assert checked(as_written(meant))[0] == []
