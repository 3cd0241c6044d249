"""The users of this machine, and what this process may do in the name of others."""

import os
import pwd
import resource
from pathlib import Path
from typing import Final

from engine.core.confinement import Account

BECOME: Final = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
"""The capabilities that are needed to run, supervise and clean up after processes of another user."""
SYS_NICE, SYS_RESOURCE = 23, 24
"""To raise a priority, and to go beyond a hard limit: capabilities(7)."""
_STATUS: Final = Path("/proc/self/status")
_ACL: Final = "system.posix_acl_access"


def find_account(name: str) -> Account | None:
    """A user with its groups; None if there is none. It may ask the network."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = tuple(os.getgrouplist(name, entry.pw_gid))
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid, groups=groups, home=entry.pw_dir)


def may_become_others() -> bool:
    """Whether this process, and those that it starts, may become another user."""
    held = _capabilities("CapEff") & (-1 if os.geteuid() == 0 else _capabilities("CapAmb"))
    return all(held >> number & 1 for number in BECOME.values())


def may_have_nice(nice: int) -> bool:
    """Whether this process may give another one this priority: setpriority(2)."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NICE)
    least = -20 if soft == resource.RLIM_INFINITY else 20 - soft
    current = os.getpriority(os.PRIO_PROCESS, 0)
    return nice >= min(current, least) or _has(SYS_NICE)


def hard_limit(which: int) -> int | None:
    """The highest value to which this process may set a limit; None if any."""
    _, hard = resource.getrlimit(which)
    return None if hard == resource.RLIM_INFINITY or _has(SYS_RESOURCE) else hard


def folder_closed_to(account: Account, folder: Path) -> Path | None:
    """The topmost folder above another one that a user may not pass through, as far as rights show it."""
    for one in reversed(folder.absolute().parents):
        about = one.stat()
        if about.st_uid == account.uid:
            is_open = about.st_mode & 0o100
        elif about.st_gid in account.groups:
            is_open = about.st_mode & 0o010
        else:
            is_open = about.st_mode & 0o001
        if not is_open and not _has_acl(one):
            return one
    return None


def _has_acl(folder: Path) -> bool:
    """Whether a folder has an access control list, which may allow more than its mode shows: acl(5)."""
    try:
        return bool(os.getxattr(folder, _ACL))
    except OSError:
        return False


def _has(capability: int) -> bool:
    return bool(_capabilities("CapEff") >> capability & 1)


def _capabilities(which: str) -> int:
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == which:
            return int(value, 16)
    return 0
