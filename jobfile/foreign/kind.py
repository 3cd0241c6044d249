"""What the recogniser needs of each format of another tool."""

from collections.abc import Callable

from jobfile.foreign.draft import Draft
from jobfile.foreign.foreign_text import ForeignText
from jobfile.model.namedtuple import NamedTuple


class Sign(NamedTuple):
    """The sign of a format: what the file is, and the place that shows it."""

    title: str
    place: tuple[int, int]
    label: str


class Format(NamedTuple):
    """A format of another tool: how a file of it is recognised, and how its first job would look here."""

    name: str
    find: Callable[[ForeignText], Sign | None]
    first_job: Callable[[ForeignText], Draft | None]
