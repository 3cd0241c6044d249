"""What a run would be, told without starting, reading a secret or writing. Pure functions of values."""

__all__ = ["describing", "programs", "unknowns"]
