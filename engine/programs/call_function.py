"""Calls a Python function for a job: `python call_function.py module:function`.

It runs in the interpreter of the job, which need not have jobfile and may be older: this file needs Python
3.8 or newer and the standard library. Arguments come as JSON in JOBFILE_ARGUMENTS; a returned mapping is
appended to the file JOBFILE_OUTPUT. The exit code is 0 when the function returns, 1 when it raises, and 78
when it cannot be called (sysexits.h: a configuration error); sys.exit() in the function keeps its own.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any  # the attributes of a module have no narrower type

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

CANNOT_CALL = 78
MAX_NAMES = 20
"""Maximum number of functions that a message lists."""


class CannotCallError(Exception):
    """The function cannot be called as the job file says."""


def main(target: str) -> int:
    """Call `module:function`; the exit code."""
    arguments = json.loads(os.environ.pop("JOBFILE_ARGUMENTS", "{}"))
    sys.argv = [target]
    sys.path[0] = os.getcwd()  # in place of the folder of this file: as `python -m` does
    try:
        function = find(target)
        check_arguments(target, function, arguments)
        result = function(**arguments)
        if inspect.iscoroutine(result):
            result = asyncio.run(result)
        write(target, result)
    except CannotCallError as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT_CALL
    except SystemExit:
        raise
    except BaseException as error:
        print_traceback(error)
        return 1
    return 0


def find(target: str) -> Callable[..., object]:
    """The function. Its module is imported."""
    name, _, attribute = target.partition(":")
    module = module_named(name)
    if not hasattr(module, attribute):
        names = [one for one, value in vars(module).items() if callable(value) and one[0] != "_"]
        known = ", ".join(sorted(names)[:MAX_NAMES]) or "none"
        file = getattr(module, "__file__", "built in")
        raise CannotCallError(f"module `{name}` ({file}) has no `{attribute}`; its functions: {known}")
    found: Any = getattr(module, attribute)
    if not callable(found):
        raise CannotCallError(f"`{target}` is not a function but a value of type {type(found).__name__}")
    function: Callable[..., object] = found
    return function


def module_named(name: str) -> object:
    """Import the module of the function."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if not f"{name}.".startswith(f"{error.name}."):
            raise  # the module is there, and one that it imports is not
        folders = "".join(f"\n  {one}" for one in sys.path)
        version = ".".join(map(str, sys.version_info[:2]))
        raise CannotCallError(
            f"there is no module `{error.name}`. {sys.executable} (Python {version}) looks in:{folders}"
        ) from None


def check_arguments(target: str, function: Callable[..., object], arguments: Mapping[str, object]) -> None:
    """Compare the params of the job with the parameters of the function before it is called."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # a built-in function may have none
    try:
        signature.bind(**arguments)
    except TypeError as error:
        given = ", ".join(sorted(arguments)) or "none"
        raise CannotCallError(
            f"`{target}{signature}` cannot be called with the params of the job ({given}): {error}"
        ) from None


def write(target: str, result: object) -> None:
    """Append a returned mapping to the outputs."""
    if result is None:
        return
    if not isinstance(result, Mapping):
        kind = type(result).__name__
        note = f"note: `{target}` returned a value of type {kind}, which is ignored; outputs are a dict"
        print(note, file=sys.stderr)
        return
    try:
        text = json.dumps(dict(result), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise CannotCallError(f"what `{target}` returned cannot be written as JSON: {error}") from None
    with open(os.environ["JOBFILE_OUTPUT"], "a", encoding="utf-8") as file:
        file.write(text + "\n")


def print_traceback(error: BaseException) -> None:
    """Print a traceback that begins in the module of the job."""
    frames = error.__traceback__
    while frames is not None and is_ours(frames):
        frames = frames.tb_next
    traceback.print_exception(type(error), error.with_traceback(frames), frames)


def is_ours(frame: TracebackType) -> bool:
    """Whether a frame belongs to this file, or to the import of the module."""
    file = frame.tb_frame.f_code.co_filename
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
