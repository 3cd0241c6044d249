"""Rules about triggers, and about when a job is late."""

from collections.abc import Iterator, Mapping
from posixpath import normpath

from jobfile.checks.finding import finding
from jobfile.checks.schedules import not_a_time
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText, Payload
from jobfile.files.following import SEVERAL
from jobfile.files.merged_settings import Setting
from jobfile.model.name_patterns import name_matcher
from jobfile.schedule.dates import parse_time

KINDS = ("webhook", "file", "after", "boot")
AFTER_KEYS = ("job", *SEVERAL)


def check_triggers(job: JobText) -> Iterator[Diagnostic]:
    """JF102, JF109: each entry of `triggers` is one trigger."""
    for trigger in job.triggers:
        kinds = [key for key in KINDS if trigger.part(key) is not None]
        if not kinds and not trigger.is_unsure(*KINDS):
            yield finding(
                trigger,
                "JF102",
                f"a trigger of {job.words} is empty",
                label="needs one of `webhook`, `file`, `after`, `boot`",
                help=("write  triggers: [{after: other-job}]",),
            )
        elif len(kinds) > 1:
            second = trigger.part(kinds[1])
            assert second is not None
            yield finding(
                second,
                "JF109",
                f"`{kinds[0]}` and `{kinds[1]}` in one trigger exclude each other",
                label="the second of the two keys",
                help=("write two triggers, each after a dash",),
                at_key=True,
            )


def check_after_keys(job: JobText) -> Iterator[Diagnostic]:
    """JF102, JF109: an `after` trigger names one job, or the jobs of one list."""
    for trigger in job.triggers:
        after = trigger.part("after")
        if after is None or not isinstance(after.value, Mapping):
            continue
        keys = [one for one in (after.part(key) for key in AFTER_KEYS) if one is not None]
        if not keys and not after.is_unsure(*AFTER_KEYS):
            yield finding(
                after,
                "JF102",
                f"an `after` trigger of {job.words} names no job",
                label="needs one of `job`, `all`, `any`",
                help=("write  after: other-job",),
            )
        elif len(keys) > 1:
            first, second = (str(one.path[-1]) for one in keys[:2])
            yield finding(
                keys[1],
                "JF109",
                f"`{first}` and `{second}` in one trigger exclude each other",
                label="the second of the two keys",
                help=("write two triggers, each after a dash",),
                at_key=True,
            )


def check_watched_files(job: JobText) -> Iterator[Diagnostic]:
    """JF116: a file trigger can find a file."""
    for trigger in job.triggers:
        file = trigger.part("file")
        folder, match = (None, None) if file is None else (file.part("path"), file.part("match"))
        if folder is not None and folder.text.startswith("~"):
            yield finding(
                folder,
                "JF116",
                f"`{folder.text[:60]}` names no folder",
                label="no shell reads it",
                help=("write the full path, or one relative to the main file",),
            )
        if match is not None and (wrong := _wrong_match(match.text)):
            message, advice = wrong
            yield finding(match, "JF116", message, label="it matches no name", help=(advice,))


def _wrong_match(pattern: str) -> tuple[str, str] | None:
    """What is wrong with a pattern for names, and what to do."""
    if not pattern:
        return "an empty `match` matches no file", 'for all files, leave it out, or write  match: "*"'
    if "/" in pattern:
        return (
            f"`match` is for the names of files, and `{pattern[:60]}` has a `/`",
            "write the folder into `path`; with `recursive: true`, the folders in it count, too",
        )
    try:
        name_matcher(pattern)
    except ValueError as error:
        return str(error), "write several triggers, or fewer braces"
    return None


def check_writes_where_it_watches(job: JobText) -> Iterator[Diagnostic]:
    """JF624: a job that writes into the folder that it watches starts itself."""
    for trigger in job.triggers:
        file = trigger.part("file")
        folder = file.part("path") if file is not None else None
        if file is None or folder is None:
            continue
        watched = normpath(folder.text)
        is_recursive = file.value.get("recursive") is True
        for payload in job.payloads:
            where = _writes_into(payload, watched, is_recursive=is_recursive)
            if where is not None:
                yield finding(
                    where,
                    "JF624",
                    f"{job.words} writes into the folder `{watched}` that it watches",
                    label="a file written here starts the job again",
                    help=("write to a different folder, or move finished files out of it",),
                )
                return


def _writes_into(payload: Payload, watched: str, *, is_recursive: bool) -> Setting | None:
    """Where a job or step works in the folder, or writes its output there."""
    folder, script = payload.settings.get("working_dir"), payload.settings.get("run")
    if folder is not None:
        named = normpath(folder.text)
        if named == watched or (is_recursive and named.startswith(f"{watched}/")):
            return folder
    if script is not None:
        for sign in (">", ">>", "> ", ">> "):
            if f"{sign}{watched}/" in script.text or f'{sign}"{watched}/' in script.text:
                return script
    return None


def check_expect(job: JobText) -> Iterator[Diagnostic]:
    """JF308: the time of day by which a job must succeed."""
    setting = job.settings.get("expect")
    done_by = setting.part("done_by") if setting is not None else None
    if done_by is not None and parse_time(done_by.text) is None:
        yield not_a_time(done_by)


def check_cancels_what_it_retries(job: JobText) -> Iterator[Diagnostic]:
    """JF625: a run that is cancelled for the next one is not retried."""
    concurrency, retry = job.settings.get("concurrency"), job.settings.get("retry")
    if concurrency is None or retry is None or not isinstance(concurrency.value, Mapping):
        return
    policy = concurrency.part("on_overlap")
    attempts = retry.value.get("attempts", 1) if isinstance(retry.value, Mapping) else retry.value
    if policy is not None and policy.text in ("cancel_running", "kill_running") and attempts > 1:
        yield finding(
            policy,
            "JF625",
            f"`{policy.text}` with `retry`: a cancelled run is not retried",
            label="it can end a run between its attempts",
            help=("remove `retry`, or let the next run wait:  on_overlap: queue",),
        )
