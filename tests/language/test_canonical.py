"""A job as text and back: nothing lost, and a text of an older version still read."""

from pathlib import Path

from jobfile.model.canonical import spec_from_json, spec_to_json, to_plain
from jobfile.model.jobs import CommandAction, ConcurrencySpec, JobSpec
from tests.language.test_cases import OK, compiled
from tests.together import together

MINIMAL = JobSpec(name="a", action=CommandAction(argv=("true",)))


@together("path", OK)
def test_every_good_job_comes_back_as_it_was(path: Path) -> None:
    catalog = compiled(path.read_bytes()).catalog
    assert catalog is not None
    for job in catalog.jobs:
        assert spec_from_json(job.canonical) == job.spec
        assert spec_to_json(spec_from_json(job.canonical)) == job.canonical


def test_what_is_absent_is_not_written_so_that_new_fields_change_no_digest() -> None:
    plain = to_plain(MINIMAL)
    assert "condition" not in plain
    assert "notify" not in plain
    assert plain["timeout"] == 86_400


def test_absence_is_not_the_built_in_value() -> None:
    lifted = JobSpec(
        name="a",
        action=CommandAction(argv=("true",)),
        timeout=None,
        concurrency=ConcurrencySpec(limit=None),
    )
    assert spec_from_json(spec_to_json(lifted)) == lifted


def test_a_text_with_every_field_written_out_is_read_too() -> None:
    old = (
        '{"action":{"argv":["true"],"kind":"command"},"catchup":{"limit":10,"mode":"last","window":null},'
        '"concurrency":{"key":null,"limit":1,"max_waiting":100,"on_overlap":null},"description":"",'
        '"enabled":true,"env":{},"idempotent":false,"kill_grace":10,"name":"a","owner":"","params":[],'
        '"retry":{"attempts":1,"backoff":"exponential","delay":10,"jitter":"half","max_delay":3600,'
        '"when":["any"]},"schedule":[],"secrets":{},"tags":[],"timeout":86400,"timezone":"UTC","vars":{}}'
    )
    assert spec_from_json(old) == MINIMAL
