"""Mounts: which file system a folder is on, and whether the kernel reports its changes."""

from pathlib import Path
from typing import Final

from jobfile.model.namedtuple import NamedTuple

MOUNTS: Final = Path("/proc/self/mountinfo")
"""One line for each mount, in the order in which they were made: proc(5)."""

_REMOTE: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "9p", "virtiofs", "lustre", "beegfs"),
        *("gfs2", "ocfs2", "glusterfs", "orangefs", "coda", "ncpfs", "davfs", "vboxsf", "vmhgfs", "prl_fs"),
    }
)
"""File systems that others can change, too: the kernel reports only the changes of this machine."""
_RENUMBERED: Final = frozenset({"vfat", "msdos", "exfat"})
"""File systems whose files have different numbers after each mount."""


class Mount(NamedTuple):
    """A mounted file system: where, and of what kind."""

    point: str
    kind: str

    @property
    def is_remote(self) -> bool:
        """Whether its files can change without a report of this kernel: on a network, or by FUSE."""
        return self.kind in _REMOTE or self.kind.split(".")[0] in ("fuse", "fuseblk")

    @property
    def keeps_numbers(self) -> bool:
        """Whether a file has the same inode number after the next mount."""
        return not self.is_remote and self.kind not in _RENUMBERED


NO_MOUNT: Final = Mount("", "")


def read_mounts(source: Path = MOUNTS) -> tuple[Mount, ...]:
    """All mounts of this process, oldest first; none if they cannot be read."""
    try:
        lines = source.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    return tuple(found for line in lines if (found := _mount_in(line)) is not None)


def mount_of(path: str, mounts: tuple[Mount, ...]) -> Mount:
    """The mount that an absolute path without links is on: of several at one point, the newest."""
    best = NO_MOUNT
    for mount in mounts:
        is_above = path == mount.point or path.startswith(f"{mount.point.rstrip('/')}/")
        if is_above and len(mount.point) >= len(best.point):
            best = mount
    return best


def _mount_in(line: str) -> Mount | None:
    fields, _, after = line.partition(" - ")
    parts, kinds = fields.split(" "), after.split(" ")
    if len(parts) < 5 or not kinds[0]:
        return None
    return Mount(_unescaped(parts[4]), kinds[0])


def _unescaped(text: str) -> str:
    """A path of mountinfo: spaces, tabs, newlines and backslashes are octal there."""
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, sign)
    return text
