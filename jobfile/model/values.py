"""The values of params, vars and outputs; and the `repr` of frozen values."""

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]
"""The value of a param or a var."""


class Shown:
    """`repr` for frozen values, one for all: generated for each it costs a command 6 % of its start."""

    __slots__ = ()

    def __repr__(self) -> str:
        fields = getattr(self, "__dataclass_fields__", {})
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"
