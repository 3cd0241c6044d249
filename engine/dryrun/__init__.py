"""What a run would do, shown without starting it, reading a secret or writing."""

__all__ = ["before", "describing", "rendering"]
