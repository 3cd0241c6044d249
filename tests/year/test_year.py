"""A year of an engine, with everything that can befall it, agrees with a model that knows only the docs."""

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.year.asking import Asking
from tests.year.life import Life
from tests.year.plot import SMALL, WHOLE

IS_SOAK = bool(os.environ.get("JOBFILE_SOAK"))
SIZE = WHOLE if IS_SOAK else SMALL
SEEDS = (1, 2, 3) if IS_SOAK else (1,)
PATIENCE = 7_200 if IS_SOAK else 600


@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_agrees_with_the_model(tmp_path: Path, seed: int) -> None:
    life = Life(tmp_path, seed, SIZE)
    each = SIZE.asks + 1
    wrong: list[str] = []
    for event in life.events():
        life.do(event)
        if event.kind == "ask":
            wrong += ask(life, SIZE.questions // each, SIZE.windows // each)
            assert wrong == []
    life.finish()
    wrong += ask(life, SIZE.questions // each, SIZE.windows // each)
    assert wrong == []
    told, expected = Counter(life.outbox.values()), Counter(life.model.told)
    assert told - expected == Counter()
    assert expected - told == Counter()
    assert Counter(life.delivered.values()) == {1: len(life.outbox)}


def ask(life: Life, questions: int, windows: int) -> list[str]:
    """The answers that do not agree."""
    asking = Asking(life)
    found = [asking.did() for _ in range(questions // 2)]
    found += [asking.why() for _ in range(questions - questions // 2)]
    found += [asking.report() for _ in range(windows)]
    asking.close()
    return [one for one in found if one]
