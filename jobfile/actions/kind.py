"""What the language needs of each kind of action."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol  # only the module of a kind knows the class of its actions

from jobfile.files.fileset import Payload
from jobfile.model.namedtuple import NamedTuple


class Written(NamedTuple):
    """A key of an action and its value, as in the file; a script is shown line by line."""

    key: str
    value: object
    is_script: bool = False


class ActionKind(Protocol):
    """A kind of action; the classes of their values are in jobfile/model/jobs.py."""

    key: str
    """The key in the file that names it."""
    has_parts: bool
    """Whether two of them are compared part by part, and not as a whole."""

    @property
    def made(self) -> type:
        """The class of its values."""
        ...

    def compile(self, payload: Payload) -> Any:  # noqa: ANN401  a value of `made`
        """The action of a checked job or step."""
        ...

    def texts(self, action: Any) -> Iterator[str]:  # noqa: ANN401  a value of `made`
        """Every text of it that can hold a template."""
        ...

    def written(self, action: Any) -> tuple[Written, ...]:  # noqa: ANN401  a value of `made`
        """Its keys as written in the file, the one that names it first."""
        ...


def strings(tree: object) -> Iterator[str]:
    """Every string in a value of a file."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for part in tree.values():
            yield from strings(part)
    elif isinstance(tree, (list, tuple)):
        for part in tree:
            yield from strings(part)
