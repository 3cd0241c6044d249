"""What people and programs are shown: the exact text, and JSON that its schema describes."""

from engine.answers.findings import CODES, MAX_LISTED, Examined, Finding, limited
from engine.cli.output import PIPE_WIDTH
from engine.doctor.reporting import diagnosis_to_json, diagnosis_to_text
from tests.cli.test_files import fits
from tests.doctor.conftest import Patient
from tests.together import together

HEALTHY = (
    Examined(area="ledger", looked_at="1.2 MiB, tables of version 4"),
    Examined(area="invariant", looked_at="12,345 runs, 678 attempts, 9 schedules, 1 gap record"),
    Examined(area="engine", looked_at="running, epoch 7"),
)
BROKEN = (
    HEALTHY[0],
    Examined(
        area="invariant",
        looked_at="2 runs, 2 attempts, 1 schedule, 0 gap records",
        findings=(
            Finding(
                code="invariant.I1",
                found="2026-03-05T12:00:00Z was due and has no record",
                help="`jobfile why backup 2026-03-05T12:00:00Z` shows what is known",
                job="backup",
            ),
            Finding(code="invariant.I6", found="run 1234abcd: twice", help="`jobfile logs 1234abcd`"),
        ),
    ),
    Examined(
        area="engine",
        looked_at="not running",
        findings=(Finding(code="engine.stopped", found="no engine is running", help="`jobfile up`"),),
    ),
)


def test_what_is_sound_is_one_line_for_each_area() -> None:
    assert diagnosis_to_text(HEALTHY, width=PIPE_WIDTH) == (
        "ok       ledger file: 1.2 MiB, tables of version 4\n"
        "ok       invariants I1-I12: 12,345 runs, 678 attempts, 9 schedules, 1 gap record\n"
        "ok       engine: running, epoch 7\n"
        "\n"
        "all is sound"
    )


def test_what_is_not_sound_is_shown_with_its_code_and_what_to_type() -> None:
    assert diagnosis_to_text(BROKEN, width=PIPE_WIDTH) == (
        "ok       ledger file: 1.2 MiB, tables of version 4\n"
        "NOT OK   invariants I1-I12: 2 runs, 2 attempts, 1 schedule, 0 gap records\n"
        "error    backup: 2026-03-05T12:00:00Z was due and has no record [invariant.I1]\n"
        "         `jobfile why backup 2026-03-05T12:00:00Z` shows what is known\n"
        "warning  run 1234abcd: twice [invariant.I6]\n"
        "         `jobfile logs 1234abcd`\n"
        "ok       engine: not running\n"
        "info     no engine is running [engine.stopped]\n"
        "         `jobfile up`\n"
        "\n"
        "1 error, 1 warning"
    )


def test_the_json_has_a_check_for_each_area_that_is_well_and_for_each_finding() -> None:
    said = diagnosis_to_json(BROKEN)
    fits(said, "doctor")
    checks = said["checks"]
    assert isinstance(checks, list)
    assert said["is_well"] is False
    assert [(one["code"], one["severity"], one["job"]) for one in checks] == [
        ("ledger", "ok", None),
        ("invariant.I1", "error", "backup"),
        ("invariant.I6", "warning", None),
        ("engine", "ok", None),
        ("engine.stopped", "info", None),
    ]
    assert diagnosis_to_json(HEALTHY)["is_well"] is True


def test_what_a_real_ledger_says_can_be_shown(patient: Patient) -> None:
    patient.write("delete from run where state = 'missed'", "update run set job = 'a\x1b[31m'")
    said = diagnosis_to_text(patient.examine(), width=PIPE_WIDTH)
    assert "\x1b" not in said
    fits(diagnosis_to_json(patient.examine()), "doctor")


def test_every_code_is_in_the_form_that_the_schema_promises() -> None:
    for code in CODES:
        finding = Finding(code=code, found="x", help="y")
        fits(diagnosis_to_json((Examined(area="engine", looked_at="", findings=(finding,)),)), "doctor")


@together("count", [0, 1, MAX_LISTED, MAX_LISTED + 1, MAX_LISTED + 1234])
@together("total", [0, 5, MAX_LISTED + 1, 20_000])
def test_of_many_findings_of_a_kind_ten_are_reported_and_how_many_more_there_are(
    count: int, total: int
) -> None:
    def found(code: str, number: int) -> list[Finding]:
        return [Finding(code=code, found=f"run {one}", help="look") for one in range(number)]

    said = list(limited([*found("invariant.I1", 1), *found("invariant.I6", count)], total=total))
    first, rest = max(1, total) - MAX_LISTED, max(count, total) - MAX_LISTED
    more = [("invariant.I1", first), ("invariant.I6", rest if count else 0)]
    assert said == [
        *found("invariant.I1", 1),
        *found("invariant.I6", min(count, MAX_LISTED)),
        *(
            Finding(code=code, found=f"and {number:,} more like that", help="look")
            for code, number in more
            if number > 0
        ),
    ]
