"""What is installed is what was looked at: locks that agree with pyproject.toml, and a hardened library."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from engine.cli.commands.up import command
from tests.acceptance.test_build import LIBRARY, build, copy
from tests.known import ROOT

__all__ = ["copy"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = PROJECT["project"]["dependencies"]
BUILD = PROJECT["dependency-groups"]["build"]
DEV = [one for one in PROJECT["dependency-groups"]["dev"] if isinstance(one, str)]
LOCKS = {"run": RUN, "build": BUILD, "dev": [*RUN, *BUILD, *DEV]}


def locked(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """Each package of a lock, with its hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        said, *hashes = re.split(r"\s+--hash=", line.strip())
        wanted = Requirement(said)
        found[canonicalize_name(wanted.name)] = (wanted, hashes)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_a_version_that_fits_and_hashes_for_all_that_is_asked_for(name: str) -> None:
    lock = locked(name)
    for text in LOCKS[name]:
        asked = Requirement(text)
        pinned, _ = lock[canonicalize_name(asked.name)]
        (version,) = [one.version for one in pinned.specifier if one.operator == "=="]
        assert asked.specifier.contains(version, prereleases=True), f"make lock: {text} against {version}"
    for pinned, hashes in lock.values():
        assert [one.operator for one in pinned.specifier] == ["=="], pinned
        assert hashes, pinned
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", one) for one in hashes), pinned


def test_what_is_tested_is_what_is_shipped() -> None:
    dev = locked("dev")
    for name in ("run", "postgres", "build"):
        for package, (pinned, hashes) in locked(name).items():
            assert (str(dev[package][0].specifier), dev[package][1]) == (str(pinned.specifier), hashes)


def test_the_build_needs_what_its_lock_has() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(BUILD)


@pytest.mark.parametrize("name", ["Makefile", "packaging/Dockerfile", "action.yml"])
def test_nothing_is_installed_without_a_hash(name: str) -> None:
    text = re.sub(r"\\\n\s*(&&)?", " ; ", (ROOT / name).read_text())
    installs = [one for one in re.findall(r"pip (?:install|wheel)[^;\n]*", text) if "uv==" not in one]
    assert installs
    for one in installs:
        assert "--require-hashes" in one or "--no-deps" in one, one
        assert "--require-hashes" in one or "--no-build-isolation" in one or "--no-index" in one, one


def test_the_hosts_of_the_compose_file_share_a_ledger_and_their_commands_exist() -> None:
    services = yaml.safe_load((ROOT / "packaging" / "compose.yaml").read_text())["services"]
    hosts = {name: one for name, one in services.items() if name != "db"}
    assert len(hosts) == 3
    known = {option for one in command.params for option in one.opts}
    for name, host in hosts.items():
        assert host["command"][:2] == ["jobfile", "up"]
        assert {one for one in host["command"] if one.startswith("--")} <= known
        assert host["command"][host["command"].index("--name") + 1] == name
        assert "@db/" in host["environment"]["JOBFILE_STORE"]
        assert f"{name}:/var/lib/jobfile" in host["volumes"], "each has a state folder of its own"


def test_the_library_is_hardened(copy: Path) -> None:
    assert build(copy, 'exec gcc "$@"') == ""
    command = ["readelf", "--wide", "--dynamic", "--segments", "--symbols", str(copy / LIBRARY)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "BIND_NOW" in said
    assert "GNU_RELRO" in said
    assert "__stack_chk_fail" in said
    assert re.search(r"GNU_STACK.* RW  ", said), "a stack that can be executed"
    assert "TEXTREL" not in said
