"""The channels `config` and `engine`, which belong to no job: they are kept as a fact in the ledger."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple  # JSON data

from jobfile.model.canonical import canonical_json, from_plain, to_plain
from jobfile.model.jobs import ChannelSpec
from jobfile.model.values import Value

if TYPE_CHECKING:
    from jobfile.files.fileset import FileSet

SYSTEM_CHANNELS: Final = ("config", "engine")
"""`config` is notified of rejected files, `engine` of holds."""
CHANNELS_FACT: Final = "channels"
"""The key of the fact with these channels, as of the files that were accepted last."""


class KnownChannel(NamedTuple):
    """A channel, and the constants that its templates read."""

    spec: ChannelSpec
    variables: Mapping[str, Value]


def known_channels(files: "FileSet") -> dict[str, KnownChannel]:
    """The channels of files without errors."""
    from jobfile.compile import compile_channels  # noqa: PLC0415  start-up time: most callers read no files

    return {name: KnownChannel(*found) for name, found in compile_channels(files).items()}


def channels_to_text(channels: Mapping[str, KnownChannel]) -> str:
    """The system channels among the channels of the files, as a text for the ledger."""
    found = {name: channels[name] for name in SYSTEM_CHANNELS if name in channels}
    return canonical_json(
        {name: {"spec": to_plain(one.spec), "vars": to_plain(one.variables)} for name, one in found.items()}
    )


def channels_from_text(text: str) -> dict[str, KnownChannel]:
    """The system channels of a text of the ledger; none if it is unreadable, until good files note them."""
    try:
        found = json.loads(text or "{}")
        return {name: _channel(one) for name, one in found.items()}
    except Exception:  # noqa: BLE001  an altered row must not stop what is notified
        return {}


def _channel(plain: Mapping[str, Any]) -> KnownChannel:
    spec, variables = from_plain(ChannelSpec, plain["spec"]), from_plain(Mapping[str, Value], plain["vars"])
    return KnownChannel(spec, variables)
