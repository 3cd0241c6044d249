"""Rules about references by name: to steps, jobs, calendars, queues, channels."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from jobfile.checks.finding import finding, unknown_name
from jobfile.compile import DEFAULT_QUEUE
from jobfile.compile.timing import entries_of
from jobfile.diagnostics.diagnostic import Diagnostic, Label
from jobfile.diagnostics.suggest import MANY
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.following import followed
from jobfile.files.merged_settings import Setting, map_at
from jobfile.model.jobs import AfterWhen
from jobfile.model.names import is_job_name

MOST_FOLLOWED: Final = 256
"""Maximum jobs searched, among those that a job follows, for one that starts it twice."""


def check_needs(job: JobText) -> Iterator[Diagnostic]:
    """JF201, JF202: steps wait for steps of their own job, and not in a circle."""
    steps = job.steps
    for step in steps.values():
        needs = step.settings.get("needs")
        for one in () if needs is None else needs.parts():
            if one.text not in steps and not job.is_unknown("steps", one.text):
                others = [name for name in steps if name != step.name]
                missing = unknown_name(
                    one,
                    "JF201",
                    "step",
                    others,
                    label="not a step of this job",
                    known="the job has no other step",
                )
                yield _in_job(missing, job)
    circle = _circle({name: [one for one in step.needs if one in steps] for name, step in steps.items()})
    if circle:
        yield _waits_for_itself(job, circle)


def _in_job(diagnostic: Diagnostic, job: JobText) -> Diagnostic:
    return replace(diagnostic, message=f"{diagnostic.message} in {job.words}")


def _waits_for_itself(job: JobText, circle: list[str]) -> Diagnostic:
    """One finding for a circle, at its first edge in the file."""
    inside = set(circle)
    first = next(name for name in job.steps if name in inside)
    ordered = _turned(circle, first)
    step = job.steps[first]
    needs = step.settings.get("needs")
    edge = next((one for one in needs.parts() if one.text == ordered[1]), None) if needs else None
    chain = " -> ".join(ordered)
    message = f"steps of {job.words} depend on each other in a circle: {chain}"
    if len(circle) == 1:
        message = f"step `{first}` of {job.words} waits for itself"
    help_ = ("none of them could ever start; remove one of the `needs`",)
    if edge is not None:
        return finding(edge, "JF202", message, label="this closes the circle", help=help_)
    return finding(step.here, "JF202", message, label="this closes the circle", help=help_, at_key=True)


def _turned(circle: list[str], first: str) -> list[str]:
    at = circle.index(first)
    return [*circle[at:], *circle[:at], first]


def _circle(edges: Mapping[str, list[str]]) -> list[str]:
    """The first circle of a graph, each node before the one it leads to; empty if there is none."""
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        stack = [(start, iter(edges[start]))] if start not in done else []
        while stack:
            node, rest = stack[-1]
            if len(path) < len(stack):
                path.append(node)
            following = next(rest, None)
            if following is None:
                done.add(node)
                stack.pop()
                path.pop()
            elif following in path:
                return path[path.index(following) :]
            elif following not in done:
                stack.append((following, iter(edges[following])))
    return []


def check_calendar_names(job: JobText) -> Iterator[Diagnostic]:
    """JF203: the calendar of a schedule exists."""
    for entry in entries_of(job):
        name = entry.part("calendar") if isinstance(entry.value, Mapping) else None
        if name is not None:
            yield from check_calendar_name(job.files, name)


def check_calendar_name(files: FileSet, name: Setting) -> Iterator[Diagnostic]:
    """JF203: a calendar exists."""
    known = map_at(files.main, ("calendars",))
    if name.text not in known and not files.is_unknown("calendars", name.text):
        yield unknown_name(
            name,
            "JF203",
            "calendar",
            known,
            label="not among the calendars of the main file",
            known="declare it:  calendars: {NAME: {weekdays: [mon, tue, wed, thu, fri]}}",
        )


def check_queue_name(job: JobText) -> Iterator[Diagnostic]:
    """JF204: the queue of a job exists."""
    setting = job.settings.get("queue")
    known = map_at(job.files.main, ("queues",))
    if setting is None or job.files.is_unknown("queues", setting.text):
        return
    if setting.text not in known and setting.text != DEFAULT_QUEUE:
        names = dict.fromkeys((*known, DEFAULT_QUEUE))
        yield unknown_name(
            setting, "JF204", "queue", names, label="not among the queues of the main file", known=""
        )


def check_channel_names(job: JobText) -> Iterator[Diagnostic]:
    """JF205: the channels of a job exist."""
    setting = job.settings.get("notify")
    known = map_at(job.files.main, ("channels",))
    for event in () if setting is None else setting.parts():
        for name in event.parts():
            if name.text not in known and not job.files.is_unknown("channels", name.text):
                yield unknown_name(
                    name,
                    "JF205",
                    "channel",
                    known,
                    label="not among the channels of the main file",
                    known="declare it:  channels: {NAME: {command: [notify-send, hello]}}",
                )


def check_after(job: JobText) -> Iterator[Diagnostic]:
    """JF206: the job in an `after` trigger exists."""
    for trigger in job.triggers:
        for name in followed(trigger):
            if job.files.may_have_job(name.text):
                continue
            known = job.files.job_names
            names = known if len(known) > MANY else known - {job.name}
            yield unknown_name(
                name, "JF206", "job", names, label="no file has this job", known="there are no other jobs"
            )


def no_such_secret(setting: Setting, known: list[str]) -> Diagnostic:
    """JF210 for the name of a secret."""
    name = setting.text
    return unknown_name(
        setting,
        "JF210",
        "secret",
        known,
        label="not an entry of `secrets`",
        known=f"add  secrets: {{{name}: env:{name}}}",
    )


def check_renamed_from(job: JobText) -> Iterator[Diagnostic]:
    """JF209, JF212: a former name is a valid job name and no longer in use."""
    setting = job.settings.get("renamed_from")
    if setting is not None and not is_job_name(setting.text):
        yield finding(
            setting,
            "JF212",
            "`renamed_from` is not a valid job name",
            label="no job can have had this name",
            help=("use small letters, digits, _ and -, with a letter first, at most 63 characters",),
        )
    elif setting is not None and setting.text in job.files.job_names:
        is_own = setting.text == job.name
        what = "this job itself" if is_own else f"job `{setting.text}`, which still exists"
        yield finding(
            setting,
            "JF209",
            f"`renamed_from` names {what}",
            label="its history can belong to one job only",
            help=("remove it if no job was renamed",),
        )


def check_jobs_once(files: FileSet) -> Iterator[Diagnostic]:
    """JF208: a job name is unique across all files."""
    first: dict[str, Setting] = {}
    for document in files.documents:
        for name in map_at(document, ("jobs",)):
            here = Setting(None, ("jobs", name), document)
            if name not in first:
                first[name] = here
                continue
            other = first[name]
            line = other.document.key_span(other.path).start.line
            yield finding(
                here,
                "JF208",
                f"job `{name}` is defined in two files",
                label="the second definition",
                notes=(f"the first is at {other.document.source.name}:{line}",),
                help=("rename one of them",),
                at_key=True,
            )


def check_chains(files: FileSet) -> Iterator[Diagnostic]:
    """JF207, JF627: jobs do not start each other in a circle, and one event does not start a job twice."""
    edges = {name: _upstream(job) for name, job in files.jobs.items()}
    if not any(edges.values()):
        return
    known = {name: [one for one in ups if one in edges] for name, ups in edges.items()}
    circle = _circle(known)
    if circle:
        yield _starts_itself(files, circle)
        return
    for name, ups in known.items():
        if len(ups) > 1:
            yield from _named_twice(files.jobs[name])
            yield from _started_twice(files.jobs[name], known)


def _upstream(job: JobText) -> list[str]:
    return [one.text for trigger in job.triggers for one in followed(trigger)]


def _starts_itself(files: FileSet, circle: list[str]) -> Diagnostic:
    inside = set(circle)
    first = next(name for name in files.jobs if name in inside)
    ordered = _turned(circle, first)
    named = (one for trigger in files.jobs[first].triggers for one in followed(trigger))
    edge = next(one for one in named if one.text == ordered[1])
    chain = " -> ".join(reversed(ordered))
    message = (
        f"jobs start each other in a circle: {chain}" if len(circle) > 1 else f"job `{first}` starts itself"
    )
    return finding(
        edge,
        "JF207",
        message,
        label="this closes the circle",
        help=("once started, they would never stop; remove one of the triggers",),
    )


def _named_twice(job: JobText) -> Iterator[Diagnostic]:
    """A job that one trigger names twice, or that two triggers follow for the same ends."""
    seen: dict[str, list[tuple[Setting, int, str]]] = {}
    for number, trigger in enumerate(job.triggers):
        when = _when(trigger)
        for one in followed(trigger):
            earlier = seen.setdefault(one.text, [])
            first = next((old for old, at, ends in earlier if at == number or _overlap(ends, when)), None)
            if first is not None:
                yield finding(
                    one,
                    "JF627",
                    f"{job.words} follows `{one.text}` twice",
                    label="this names it again",
                    related=(Label(span=first.document.span(first.path), text="this names it"),),
                    help=("remove one of the two",),
                )
                return
            earlier.append((one, number, when))


def _when(trigger: Setting) -> str:
    after = trigger.part("after")
    when = after.part("when") if after is not None and isinstance(after.value, Mapping) else None
    return AfterWhen.SUCCEEDED if when is None else when.text


def _overlap(one: str, other: str) -> bool:
    """Whether some ends start a job under both conditions."""
    return one == other or AfterWhen.ALWAYS in (one, other)


def _started_twice(job: JobText, edges: Mapping[str, list[str]]) -> Iterator[Diagnostic]:
    """Two triggers that one cause fires. Several jobs in one trigger start the job once."""
    ups = [(number, one) for number, trigger in enumerate(job.triggers) for one in followed(trigger)]
    for number, later in ups[:MOST_FOLLOWED]:
        above = _ancestors(later.text, edges)
        early = next((one for at, one in ups[:MOST_FOLLOWED] if at != number and one.text in above), None)
        if early is not None:
            yield finding(
                early,
                "JF627",
                f"{job.words} follows both `{early.text}` and `{later.text}`, which itself follows "
                f"`{early.text}`",
                label="this starts the job",
                related=(Label(span=later.document.span(later.path), text="this starts it again"),),
                help=(f"keep  after: {later.text}",),
            )
            return


def _ancestors(name: str, edges: Mapping[str, list[str]]) -> set[str]:
    """The jobs that a job follows, directly or through others; the nearest ones if there are very many."""
    found: set[str] = set()
    waiting = deque(edges.get(name, []))
    while waiting and len(found) < MOST_FOLLOWED:
        one = waiting.popleft()
        if one not in found:
            found.add(one)
            waiting += edges.get(one, [])
    return found
