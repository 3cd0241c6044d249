"""What holds for a job after defaults are merged in, each value with the place it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any  # values of a document are not typed yet

from jobfile.diagnostic import DocumentPath
from jobfile.document import Document

MERGED_BY_NAME = ("env", "secrets")
"""Keys whose entries merge one by one; every other key replaces the whole value below it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and the path of it in the document."""

    value: Any
    path: DocumentPath


Settings = Mapping[str, Setting]


def settings_of(document: Document, job: str) -> Settings:
    """The keys that hold for a job: built-in < defaults < job; `null` in the job removes a default."""
    defaults = document.tree.get("defaults") or {}
    own = document.tree["jobs"][job] or {}
    found = {key: Setting(value, ("defaults", key)) for key, value in defaults.items()}
    found |= {key: Setting(value, ("jobs", job, key)) for key, value in own.items()}
    return {key: setting for key, setting in found.items() if setting.value is not None}


def named_settings(document: Document, job: str, key: str) -> Settings:
    """The entries of `env` or `secrets` that hold for a job, merged by name."""
    found: dict[str, Setting] = {}
    for top in (("defaults",), ("jobs", job)):
        holder: Any = document.tree
        for part in top:
            holder = (holder or {}).get(part)
        entries = (holder or {}).get(key, {})
        if entries is None:
            found.clear()
            continue
        found |= {name: Setting(value, (*top, key, name)) for name, value in entries.items()}
    return {name: setting for name, setting in found.items() if setting.value is not None}
