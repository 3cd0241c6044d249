"""What is no duration: what is offered instead never has another length."""

from datetime import timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from jobfile.pipeline import check_file
from jobfile.schedule.duration import meant_duration, parse_duration, why_no_duration
from tests.together import together

SECONDS = {
    **dict.fromkeys(("ns", "nanoseconds"), Fraction(1, 10**9)),
    **dict.fromkeys(("us", "µs", "μs", "usec", "microseconds"), Fraction(1, 10**6)),
    **dict.fromkeys(("ms", "MS", "msec", "millis", "milliseconds"), Fraction(1, 1000)),
    **dict.fromkeys(("s", "S", "sec", "secs", "second", "Seconds"), Fraction(1)),
    **dict.fromkeys(("m", "min", "mins", "Minute", "minutes"), Fraction(60)),
    **dict.fromkeys(("h", "H", "hr", "hrs", "hours"), Fraction(3600)),
    **dict.fromkeys(("d", "D", "day", "days"), Fraction(86_400)),
    **dict.fromkeys(("w", "W", "week", "weeks"), Fraction(604_800)),
}
FINE = "the smallest unit is the second"
OTHER = {
    "300ms": (None, FINE),
    "500 ms": (None, FINE),
    "5000ms": ("5s", ""),
    "1000us": (None, FINE),
    "1ns": (None, FINE),
    "0.5s": (None, FINE),
    "1.5s": (None, FINE),
    "0.001m": (None, FINE),
    "1.5h": ("1h30m", ""),
    "0.5 days": ("12h", ""),
    "2 weeks": ("14d", ""),
    "1w": ("7d", ""),
    "2 months": (None, "30d"),
    "1M": (None, "30d"),
    "1mo": (None, "30d"),
    "1y": (None, "365d"),
    "10 Years": (None, "365d"),
    "90 S": ("90s", ""),
    "30": ("30s", ""),
    "007": ("7s", ""),
    "1h 30m": ("1h30m", ""),
    "1 h 30 m": ("1h30m", ""),
    "1 30m": (None, "number with a unit"),
    "30m 1h": (None, "number with a unit"),
    "1,5h": (None, "number with a unit"),
    "-5m": (None, "number with a unit"),
    "PT5M": (None, "number with a unit"),
    "five minutes": (None, "number with a unit"),
    "５m": (None, "number with a unit"),
    "9999d": (None, "ten years"),
    "9999 days": (None, ""),
}


@together("text", OTHER)
def test_an_invalid_duration_is_refused_with_its_equal_or_with_the_reason(text: str) -> None:
    meant, reason = OTHER[text]
    content = f"version: 1\njobs:\n  a: {{run: echo, timeout: '{text}'}}\n".encode()
    (found,) = [one for one in check_file("jobs.yaml", content).diagnostics if one.code == "JF110"]
    assert [fix.edits[0].text for fix in found.fixes] == ([meant] if meant else [])
    assert found.help == ((f"write {meant}",) if meant else ())
    assert reason in found.label


@given(st.integers(0, 10**7), st.sampled_from(["", ".5", ".25", ".001"]), st.sampled_from(list(SECONDS)))
def test_what_is_offered_has_the_length_that_was_written(whole: int, part: str, unit: str) -> None:
    length = Fraction(f"{whole}{part}") * SECONDS[unit]
    for text in (f"{whole}{part}{unit}", f"{whole}{part} {unit}"):
        meant = meant_duration(text)
        if meant is not None:
            found = parse_duration(meant)
            assert found is not None
            assert Fraction(found // timedelta(microseconds=1), 10**6) == length
        elif length.denominator != 1:
            assert FINE in why_no_duration(text)[1]
