"""JF631: what the language has but an engine cannot run yet, or not here. The caller says what that is."""

from collections.abc import Collection, Iterator
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import Setting

APPRISE: Final = "channels.apprise"
"""In what an engine is unable to run: channels whose library is not installed."""


def check_beyond(files: FileSet, unable: Collection[str]) -> Iterator[Diagnostic]:
    """JF631 for each key of a job that makes the engine refuse the files, and for each such channel."""
    if APPRISE in unable:
        for channel in files.section("channels").values():
            urls = channel.part("apprise")
            if urls is not None:
                yield _not_installed(urls)
    for job in files.jobs.values():
        for key in unable:
            setting = job.settings.get(key)
            if setting is not None and setting.value:  # an empty value has no effect
                yield _beyond(job, setting, key)


def _not_installed(urls: Setting) -> Diagnostic:
    return finding(
        urls,
        "JF631",
        "the library of `apprise` is not installed here",
        label="valid, but an engine here cannot send it",
        notes=("an engine without the library refuses the files if a job uses this channel",),
        help=("on the machine of the engine:  pip install 'jobfile[notify]'",),
        at_key=True,
    )


def _beyond(job: JobText, setting: Setting, key: str) -> Diagnostic:
    return finding(
        setting,
        "JF631",
        f"the engine cannot run `{key}` of {job.words} yet",
        label="valid, but the engine does not support it",
        notes=("the engine refuses all of these files, including the other jobs",),
        help=("remove it until the engine supports it",),
        at_key=True,
    )
