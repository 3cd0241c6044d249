"""Rules about the files that a job reads and keeps."""

from collections.abc import Iterator, Mapping
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.regex import regex

_BRACES: Final = regex(r"\{[^{},]*+,[^{}]*+\}")


def check_artifacts(job: JobText) -> Iterator[Diagnostic]:
    """JF116: a pattern of `artifacts` can match a file."""
    setting = job.settings.get("artifacts")
    for one in () if setting is None else setting.parts():
        if "{{" in one.text:
            continue  # JF113
        wrong = _wrong(one.text, _literal_folder(job.settings.get("working_dir")))
        if wrong is not None:
            message, label, advice = wrong
            yield finding(one, "JF116", message, label=label, help=(advice,))


def check_env_files(payload: Payload) -> Iterator[Diagnostic]:
    """JF117: `env_file` names files."""
    setting = payload.settings.get("env_file")
    if setting is None or not (isinstance(payload, JobText) or setting.is_below(payload.path)):
        return
    for one in setting.entries():
        path = one.part("path") if isinstance(one.value, Mapping) else one
        if path is None or "{{" in path.text:
            continue  # JF102, JF113
        text = path.text.removesuffix("?")
        if text.startswith("~"):
            label, advice = "no shell reads it", "write the full path, or one relative to the main file"
        elif not text or text.endswith("/"):
            label, advice = "expected the path of a file", "write the name of the file, as  .env"
        else:
            continue
        shown = f"`{path.text[:60]}`"
        yield finding(path, "JF117", f"{shown} in env_file names no file", label=label, help=(advice,))


def _literal_folder(setting: Setting | None) -> str:
    """The job's working folder if the file says it in full, else ''."""
    text = "" if setting is None or "{{" in setting.text else setting.text
    return f"{text.rstrip('/')}/" if text.startswith("/") else ""


def _wrong(pattern: str, folder: str) -> tuple[str, str, str] | None:
    """What is wrong with a pattern: the message, the label and the advice."""
    shown = f"`{pattern[:60]}`"
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    if not parts:
        return f"{shown} names no file", "expected a pattern for files", 'to keep all files, write  "**"'
    if ".." in parts:
        return (
            f"{shown} leads out of its folder",
            "files are searched below the run's folder, or below the working folder",
            "write the folder with its full path, below `working_dir`",
        )
    if pattern.startswith("~"):
        return (
            f"{shown} is not expanded: no shell reads it",
            "matches only a file called ~",
            "write the full path",
        )
    if pattern.endswith("/"):
        return f"{shown} names a folder", "only files are kept", f"to keep its files, write  {pattern[:60]}**"
    if _BRACES.search(pattern):
        return f"the braces in {shown} are not expanded", "they match only themselves", "write two patterns"
    if folder and pattern.startswith("/") and not pattern.startswith(folder):
        return (
            f"{shown} is outside of the job's `working_dir`",
            f"expected a path below {folder}",
            "write a path below it, or copy the file to $JOBFILE_RUN_DIR in the job",
        )
    return None
