"""What is accepted runs no value: random scripts, layouts and values, in real shells."""

import os
import random
import re
from itertools import islice
from pathlib import Path
from typing import Literal

import pytest

from tests.language.shell_corpus import PARAM, VALUES, accept, execute, scripts

EXECUTIONS = 6700 if os.environ.get("JOBFILE_SHELL_FULL") else 340
"""For each shell."""
BATCH = 85
SHELLS = (("dash", "sh"), ("bash", "bash"), ("bash --posix", "sh"))
ORDINARY = (Path(__file__).parent / "shell_ordinary.txt").read_text().splitlines()


@pytest.mark.parametrize(("shell", "dialect"), SHELLS)
def test_no_script_that_is_accepted_runs_its_value(
    shell: str, dialect: Literal["sh", "bash"], tmp_path: Path
) -> None:
    seed = os.environ.get("JOBFILE_SHELL_SEED", "15")
    chance = random.Random(f"{shell} {seed}")
    made = (accept(script, dialect) for script in scripts(chance, is_bash=shell == "bash"))
    accepted = (one for one in made if one is not None)
    pairs = ((one, value) for one in accepted for value in chance.sample(VALUES, 2))
    left = EXECUTIONS
    while left > 0:
        batch = [*islice(pairs, min(BATCH, left))]
        execute(shell, batch, tmp_path)
        left -= len(batch)


def test_at_most_one_ordinary_script_in_a_hundred_is_refused() -> None:
    assert len(ORDINARY) >= 100
    refused = []
    for script in ORDINARY:
        made = accept(script.replace("\\n", "\n"), "bash")
        by_name = None if made is None else accept(re.sub(r"\{JF_\d+\}", f"{{{PARAM}}}", made.text), "bash")
        refused += [script] if by_name is None else []
    print(f"{len(refused)} of {len(ORDINARY)} ordinary scripts refused: {refused}")
    assert len(refused) * 100 <= len(ORDINARY)
