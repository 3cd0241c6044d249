"""The channels that no job needs to name, such as `config` and `engine`: a fact in the ledger keeps them."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final  # JSON data

from jobfile.model.canonical import canonical_json, from_plain, to_plain
from jobfile.model.jobs import ChannelSpec, DigestSpec
from jobfile.model.namedtuple import NamedTuple
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
    digest: DigestSpec | None = None


def known_channels(files: "FileSet") -> dict[str, KnownChannel]:
    """The channels of files without errors."""
    from jobfile.compile import (  # noqa: PLC0415  start-up time: most callers read no files
        compile_channels,
        compile_digests,
    )

    digests = compile_digests(files)
    return {name: KnownChannel(*found, digests.get(name)) for name, found in compile_channels(files).items()}


def channels_to_text(channels: Mapping[str, KnownChannel]) -> str:
    """The system channels, and those that get a digest, as a text for the ledger."""
    found = {name: one for name, one in channels.items() if name in SYSTEM_CHANNELS or one.digest is not None}
    return canonical_json({name: _plain(one) for name, one in found.items()})


def _plain(channel: KnownChannel) -> dict[str, object]:
    digest = {} if channel.digest is None else {"digest": to_plain(channel.digest)}
    return {"spec": to_plain(channel.spec), "vars": to_plain(channel.variables), **digest}


def channels_from_text(text: str) -> dict[str, KnownChannel]:
    """The channels of a text of the ledger; none if it is unreadable, until good files note them."""
    try:
        found = json.loads(text or "{}")
        return {name: _channel(one) for name, one in found.items()}
    except Exception:  # noqa: BLE001  an altered row must not stop what is notified
        return {}


def _channel(plain: Mapping[str, Any]) -> KnownChannel:
    spec, variables = from_plain(ChannelSpec, plain["spec"]), from_plain(Mapping[str, Value], plain["vars"])
    return KnownChannel(spec, variables, from_plain(DigestSpec, plain.get("digest")))
