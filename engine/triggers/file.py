"""Files as triggers: which folder one watches."""

import os
from pathlib import Path

from engine.ports import WatchedFolder
from jobfile.model.jobs import FileTrigger


def folder_of(trigger: FileTrigger, base: Path) -> WatchedFolder:
    """The folder that a trigger watches; `base` is the folder of the main file."""
    return WatchedFolder(os.path.normpath(base.absolute() / trigger.folder), trigger.recursive)
