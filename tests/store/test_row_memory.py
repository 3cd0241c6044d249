"""What a reader remembers of the rows that it has read."""

from engine.ledger.row_memory import RowMemory


def test_a_full_memory_forgets_what_came_first() -> None:
    made: list[int] = []

    def read(row: tuple[int]) -> str:
        made.append(row[0])
        return f"value {row[0]}"

    memory = RowMemory(most=8)
    for number in range(9):
        assert memory.value(read, "numbers", (number,)) == f"value {number}"  # type: ignore[arg-type]  # a row is iterated only
    assert memory.value(read, "numbers", (8,)) == "value 8"  # type: ignore[arg-type]
    assert memory.value(read, "others", (8,)) == "value 8"  # type: ignore[arg-type]
    assert memory.value(read, "numbers", (0,)) == "value 0"  # type: ignore[arg-type]
    assert made == [*range(9), 8, 0]
