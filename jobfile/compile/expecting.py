"""Compiles `expect`: when a job is late, and what a success leaves."""

from collections.abc import Mapping

from jobfile.compile.timing import duration_of
from jobfile.files.fileset import JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.expectations import ExpectSpec, FileCheck, LogCheck, RangeCheck
from jobfile.model.size import format_size, parse_size


def expect_of(job: JobText) -> ExpectSpec:
    """What is expected of a checked job."""
    setting = job.settings.get("expect")
    if setting is None:
        return ExpectSpec()
    files, outputs = setting.part("files"), setting.part("outputs")
    return ExpectSpec(
        done_by=_text(setting, "done_by"),
        success_every=duration_of(setting.part("success_every")),
        max_duration=duration_of(setting.part("max_duration")),
        min_duration=duration_of(setting.part("min_duration")),
        files=() if files is None else tuple(_file(one) for one in files.parts()),
        log=_log(setting.part("log")),
        stdout=_log(setting.part("stdout")),
        stderr=_log(setting.part("stderr")),
        outputs={} if outputs is None else {str(one.path[-1]): _range(one.value) for one in outputs.parts()},
        usual=setting.value.get("usual") or None,
    )


def _text(setting: Setting, key: str) -> str | None:
    part = setting.part(key)
    return None if part is None else part.text


def _file(setting: Setting) -> FileCheck:
    path, size = setting.part("path"), _text(setting, "min_size")
    bytes_ = None if size is None else parse_size(size)
    assert path is not None, "a path is required"
    return FileCheck(
        path=path.text,
        min_size=None if bytes_ is None else format_size(bytes_),
        newer_than=_text(setting, "newer_than"),
        count=setting.value.get("count", 1),
    )


def _log(setting: Setting | None) -> LogCheck:
    if setting is None:
        return LogCheck()
    empty = _text(setting, "empty")
    return LogCheck(
        contains=_text(setting, "contains"),
        matches=_text(setting, "matches"),
        empty=None if empty is None else empty == "true",
    )


def _range(value: Mapping[str, int | float]) -> RangeCheck:
    return RangeCheck(min=value.get("min"), max=value.get("max"))
