"""Rules about containers: what an action in one can be, and which options jobfile keeps for itself."""

import re
from collections.abc import Iterator
from typing import Final

from jobfile.checks.finding import finding
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.regex import regex

KEPT: Final = {
    "--detach": "jobfile would not see the container end",
    "--name": "jobfile sets the name, so that an attempt runs at most once",
    "--restart": "the attempt would be executed twice",
    "--rm": "jobfile always removes the container",
    "--entrypoint": "the job's action sets the program",
    "--workdir": "use working_dir",
    "--env-file": "use env or secrets",
    "--tty": "it would change the output, and pass on no signals",
    "--interactive": "a job has no input",
    "--sig-proxy": "a cancel would not reach the job",
    "--attach": "its output would be lost",
}
"""Options of `run` that a job may not give, and why."""
_SHORT: Final = {"d": "--detach", "t": "--tty", "i": "--interactive", "w": "--workdir", "a": "--attach"}
_LETTERS: Final = regex(r"-([a-zA-Z]+)")
_TAKES_VALUE: Final = frozenset("aceghlmpuvw")
"""Short options of `docker run` that take a value: the rest of the word is that value."""
_MOUNT: Final = regex(r"[^:]+:/[^:]*(?::[a-zA-Z,]+)?")
_IMAGE: Final = regex(r"[A-Za-z0-9][\w./:@-]*", re.ASCII)
_UNREACHED: Final = ("nice", "io", "umask")
"""Keys that apply to a process of this machine alone."""


def check_container(payload: Payload) -> Iterator[Diagnostic]:
    """JF635, JF636, JF637, JF106: what a container cannot run, and options that would break a promise."""
    container = payload.settings.get("container")
    if container is None:
        return
    is_own = container.is_below(payload.path)
    way = "remove `container`" if is_own else "write `container: null` in the step"
    for action in ("python", "http"):
        if action in payload.settings:
            yield finding(
                payload.settings[action],
                "JF636",
                f"`{action}` cannot run in a container",
                label=f"{payload.words} has a `container`",
                help=(f"use `run` or `command`, or {way}",),
                at_key=True,
            )
    if is_own:  # a step's own, or a job's: not the one that a step inherits
        yield from _check_own(container)
    folder = payload.settings.get("working_dir")
    if folder is not None and not folder.text.startswith(("/", "{{")):
        yield finding(
            folder,
            "JF106",
            f"`{folder.text[:40]}` is not a path in the container",
            label="a folder in a container must begin with `/`",
        )
    if isinstance(payload, JobText):
        for key in _UNREACHED:
            own = payload.settings.get(key)
            if own is not None and own.is_below(payload.path):
                yield _unreached(own, key)


def _unreached(setting: Setting, key: str) -> Diagnostic:
    return finding(
        setting,
        "JF637",
        f"`{key}` has no effect in a container",
        label="the runtime starts the processes",
        help=("remove it, or give the container an option in `args`",),
        at_key=True,
    )


def _check_own(container: Setting) -> Iterator[Diagnostic]:
    mounts, args, image = (container.part(key) for key in ("mounts", "args", "image"))
    if image is not None and not _IMAGE.fullmatch(image.text):
        yield finding(
            image,
            "JF106",
            f"`{image.text[:60]}` is not the name of an image",
            label="expected a name such as alpine:3 or ghcr.io/acme/report:1.2",
        )
    for mount in () if mounts is None else mounts.parts():
        if not _MOUNT.fullmatch(mount.text):
            yield finding(
                mount,
                "JF106",
                f"`{mount.text[:60]}` is not a mount",
                label="expected SOURCE:/TARGET or SOURCE:/TARGET:ro",
                help=("a source that begins with `.` is beside the main file; a plain name is a volume",),
            )
    for arg in () if args is None else args.parts():
        option = _option_in(arg.text)
        if option in KEPT:
            yield finding(
                arg,
                "JF635",
                f"`{option}` is not allowed in `args` of a container",
                label=KEPT[option],
                help=("remove it",),
            )


def _option_in(word: str) -> str:
    """The kept option in a word: alone, with a value, or as one of several letters."""
    letters = _LETTERS.match(word)
    if letters is None or word.startswith("--"):
        return word.partition("=")[0]
    for letter in letters[1]:
        if letter in _SHORT:
            return _SHORT[letter]
        if letter in _TAKES_VALUE:
            break
    return ""
