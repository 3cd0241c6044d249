"""The project's own files: only those that git knows, without files that a demo or an editor left there."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.validators import validator_for

ROOT = Path(__file__).parents[1]


@cache
def project_files() -> tuple[str, ...]:
    """The names of tracked files, and of new ones that git does not ignore: a new case counts at once."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, f"the tests ask git which files are the project's: {done.stderr.decode()}"
    return tuple(sorted({name.decode() for name in done.stdout.split(b"\0") if name}))


def known_files(folder: str | Path, pattern: str) -> list[Path]:
    """Files in a folder of the project, at any depth, whose name matches a pattern; sorted."""
    inside = f"{(ROOT / folder).relative_to(ROOT).as_posix()}/"
    paths = [ROOT / name for name in project_files() if name.startswith(inside)]
    return [path for path in paths if path.match(pattern) and path.is_file()]


def check_fits(value: Any, schema: Path) -> None:
    """Check that a value is valid under a schema of the project."""
    _validator(schema).validate(value)


@cache
def _validator(schema: Path) -> jsonschema.protocols.Validator:
    """Made once: `jsonschema.validate` would check the schema itself each time."""
    content = json.loads(schema.read_text())
    kind = validator_for(content)
    kind.check_schema(content)
    return kind(content)
