"""Finds where a changed value is written, if that is one place for several jobs, such as defaults or vars."""

from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import MERGED_BY_NAME, Setting
from jobfile.model.jobs import Origin
from jobfile.model.namedtuple import NamedTuple

CALENDARS = "calendars"
BUILT_IN = "built in"


class Cause(NamedTuple):
    """A place that several jobs share. With `is_removed`, the old value was there, and nothing replaces it.

    A built-in value has no origin.
    """

    section: str
    origin: Origin | None
    is_removed: bool = False


def cause_of(
    path: tuple[str, ...], before: tuple[FileSet | None, str], after: tuple[FileSet | None, str]
) -> Cause | None:
    """The shared place of a changed field; each side is its files, if they are known, and the job's name.

    None if the job has its own value, or if nothing shows where it comes from.
    """
    old, new = (None if files is None else files.jobs.get(name) for files, name in (before, after))
    if new is None:
        return None
    found = _setting(path, new)
    if found is not None:
        return _shared(found)
    found = None if old is None else _setting(path, old)
    cause = None if found is None else _shared(found)
    return Cause(BUILT_IN, None) if cause is None else cause._replace(is_removed=True)


def section_place(files: FileSet | None, section: str, name: str) -> Cause | None:
    """The place of an entry of `calendars` in the main file; None if it is not known."""
    found = None if files is None else files.section(section).get(name)
    return None if found is None else _place(section, found)


def _setting(path: tuple[str, ...], job: JobText) -> Setting | None:
    """The deepest setting that a field comes from."""
    key, *parts = path
    if key == "vars" and parts:
        return job.files.section(key).get(parts[0])
    if key in MERGED_BY_NAME and parts:
        return (job.env if key == "env" else job.secrets).get(parts[0])
    setting = job.settings.get(key)
    if key == "queue" and parts[:1] == ["slots"] and setting is not None:
        return job.files.section("queues").get(setting.text)
    for part in parts:
        deeper = None if setting is None else setting.part(part)
        setting = deeper or setting
    return setting


def _shared(setting: Setting) -> Cause | None:
    section = str(setting.path[0])
    return None if section == "jobs" else _place(section, setting)


def _place(section: str, setting: Setting) -> Cause:
    origin = Origin(file=setting.document.source.name, line=setting.document.line(setting.path))
    return Cause(section, origin)
