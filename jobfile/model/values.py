"""The values that params, vars and outputs hold; and how frozen values show themselves."""

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]
"""What a param or a var may hold."""


class Shown:
    """Shows the fields of a frozen value: one method for all, as generating each costs start-up time."""

    __slots__ = ()

    def __repr__(self) -> str:
        fields = getattr(self, "__dataclass_fields__", {})
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"
