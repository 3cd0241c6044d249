"""What a run would be, said without starting, reading a secret or writing."""

__all__ = ["before", "describing", "rendering"]
