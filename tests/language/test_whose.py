"""A finding at a place that several jobs share says which jobs it is about."""

import pytest

from jobfile.pipeline import check_files

OFTEN = 'schedule: {cron: "*/15 * * * *", spread: 5m}, run: echo'
DAILY = 'schedule: "0 4 * * *", run: echo'
LONG = "defaults: {timeout: 30m}\n"
BETWEEN = "timeout 30m is longer than the 15m between runs"


def messages(text: str, *included: str) -> list[str]:
    """The errors and warnings of a main file with its included files, a.yaml, b.yaml and so on."""
    names = [f"{letter}.yaml" for letter in "abc"[: len(included)]]
    include = f"include: [{', '.join(names)}]\n" if names else ""
    files = [("jobs.yaml", f"version: 1\n{include}{text}".encode())]
    files += [(name, f"version: 1\n{one}".encode()) for name, one in zip(names, included, strict=True)]
    found = check_files(files).diagnostics
    return [one.message for one in found if one.severity != "info" and one.code != "JF606"]


def jobs(**jobs: str) -> str:
    return "jobs:\n" + "".join(f"  {name}: {{{body}}}\n" for name, body in jobs.items())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (LONG + jobs(a=OFTEN, b=DAILY), [f"{BETWEEN} (job `a`)"]),
        (LONG + jobs(a=OFTEN, b=DAILY, c=OFTEN), [f"{BETWEEN} (jobs `a`, `c`)"]),
        (
            LONG + jobs(z=DAILY, a=OFTEN, b=OFTEN, c=OFTEN, d=OFTEN, e=OFTEN),
            [f"{BETWEEN} (jobs `a`, `b`, `c` and 2 more)"],
        ),
        (LONG + jobs(a=OFTEN, b=OFTEN, c=OFTEN, d=OFTEN), [f"{BETWEEN} (all 4 jobs)"]),
        (jobs(a=f"timeout: 30m, {OFTEN}", b=f"timeout: 30m, {OFTEN}"), [BETWEEN, BETWEEN]),
        (
            jobs(a=f"{DAILY}, timeout: &long 30m, retry: &tries {{delay: 5 x}}", b=f"{DAILY}, retry: *tries"),
            ["`5 x` is not a duration (jobs `a`, `b`)"],
        ),
        (
            jobs(a=f"{DAILY}, retry: &tries {{attempts: 40, delay: 5 x}}").replace("jobs:", "jobs:\n")
            + "x-one: {a: *tries}\n",
            ["`5 x` is not a duration"],
        ),
        (
            "x-all: {tries: &tries {delay: 5 x}}\n" + jobs(a=f"{DAILY}, retry: *tries", b=DAILY),
            ["`5 x` is not a duration (job `a`)"],
        ),
    ],
)
def test_a_shared_place_names_its_jobs(text: str, expected: list[str]) -> None:
    assert messages(text) == expected


def test_the_defaults_of_an_included_file_name_only_its_jobs() -> None:
    found = messages(jobs(main=OFTEN), LONG + jobs(a=OFTEN), jobs(b=OFTEN))
    assert found == [f"{BETWEEN} (job `a`)"]
