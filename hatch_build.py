"""Builds plain.c where there is a compiler; without one jobfile is all there and starts jobs more slowly."""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any  # the hook's interface

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "engine/supervisor/plain.c"
LIBRARY = "engine/supervisor/libplain.so"

HARDENED = (
    "-O2",
    "-U_FORTIFY_SOURCE",  # a compiler may bring its own level
    "-D_FORTIFY_SOURCE=2",
    "-fstack-protector-strong",
    "-Wl,-z,relro,-z,now",
    "-Wl,-z,noexecstack",
)
"""What makes a mistake in C a crash and not a way in: checked copies, guarded stacks, read-only tables."""


class SpawnHook(BuildHookInterface):
    """Adds the library to a wheel, which is then for one kind of machine, and to a working copy."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  the hook's interface
        """Compile; called before a wheel is put together.

        A working copy may be in use meanwhile: what starts from it finds the library before or the one after,
        never none and never half of one.
        """
        library = Path(self.root, LIBRARY)
        compiler = shutil.which("cc")
        if compiler is None:
            library.unlink(missing_ok=True)
            self.app.display_warning(f"no C compiler: {SOURCE} is not built, and jobs start more slowly")
            return
        made = library.with_name(f"{library.name}.{os.getpid()}.new")
        command = [compiler, "-std=gnu11", *HARDENED, "-shared", "-fPIC", "-o", made, Path(self.root, SOURCE)]
        if subprocess.run(command, check=False).returncode:  # noqa: S603  fixed words
            made.unlink(missing_ok=True)
            library.unlink(missing_ok=True)
            self.app.display_warning(f"{SOURCE} cannot be built here: jobs start more slowly")
            return
        made.replace(library)
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"/{LIBRARY}")
