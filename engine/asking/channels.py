"""The channels of the job files, and a test message to one: `jobfile notify test`, and the page."""

from collections.abc import Mapping

from engine.asking.findings import refuse_invalid
from engine.asking.place import Place
from engine.channels.courier import send_message
from engine.core.errors import UnreadableFileError, WrongUsageError
from engine.host.clock import SystemClock
from engine.host.run_ids import new_run_id
from engine.notifications.message import Happening, make_message
from engine.notifications.system_channels import KnownChannel, known_channels
from engine.sources.folder import FolderTree
from jobfile.diagnostics.suggest import suggest
from jobfile.model.namedtuple import NamedTuple
from jobfile.pipeline import compile_files


class Tested(NamedTuple):
    """The result of a test."""

    error: str
    """Why the message was not delivered; empty if it was."""
    seconds: float


def send_test(place: Place, name: str) -> Tested:
    """Send a message as the engine would, and wait for the result."""
    channel = channel_named(channels_of(place), name)
    clock = SystemClock()
    happening = Happening(
        id=new_run_id(),
        event="test",
        job="",
        at=clock.now(),
        facts={"title": f"test message for channel {name}", "detail": "jobfile can reach this channel"},
    )
    began = clock.elapsed()
    error = send_message(make_message(happening.id, [happening]), channel, place.config).error
    return Tested(error, clock.elapsed() - began)


def channels_of(place: Place) -> Mapping[str, KnownChannel]:
    """The channels of the job files."""
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise UnreadableFileError(snapshot.problem)
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    if compiled.files is None or not compiled.is_valid:
        refuse_invalid(compiled)
    return known_channels(compiled.files)


def channel_named(channels: Mapping[str, KnownChannel], name: str) -> KnownChannel:
    """The channel of this name. Raises WrongUsageError, with the names that there are."""
    if name in channels:
        return channels[name]
    near = suggest(name, channels)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(channels)) or 'none'}"
    raise WrongUsageError(f"the job file has no channel `{name}`; {hint}")
