"""Which carrier is used, and what is loaded for it."""

import subprocess
import sys
from typing import Any

import pytest

from engine.core.errors import WrongUsageError
from engine.hosts.carriers.registry import EXTRAS, make_carrier
from engine.ledger.host_ports import Place

ONLY = """
import sys
from engine.hosts.carriers.registry import EXTRAS, make_carrier
from engine.ledger.host_ports import Place

class Shared:
    def place_for(self, name, **_):
        return Place("", "")

make_carrier(sys.argv[1], Shared()).close()
print(*(name for name in EXTRAS if name in sys.modules))
"""


def test_an_unknown_carrier_is_a_mistake_of_the_user() -> None:
    shared: Any = None
    with pytest.raises(
        WrongUsageError, match="JOBFILE_CARRIER is `celery`; expected pgqueuer, procrastinate or kubernetes"
    ):
        make_carrier("celery", shared)


@pytest.mark.parametrize("name", EXTRAS)
def test_only_the_carrier_that_is_used_is_loaded(name: str) -> None:
    command = [sys.executable, "-c", ONLY, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [name]
    assert done.stderr == ""


def test_a_place_hides_its_password() -> None:
    assert Place("", "hunter2").without_password("no hunter2 here") == "no *** here"
    assert Place("", "").without_password("as it is") == "as it is"
