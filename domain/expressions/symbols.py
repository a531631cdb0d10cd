"""What stands for a value of an event when a rule is compiled, and refuses whatever would need the value."""

from typing import Any, NoReturn

from acci.domain.errors import DefinitionError


class CannotCompile(DefinitionError):
    """An expression has no meaning in SQL. The projection's error names the rule."""


def refuse(subject: str, reason: str) -> NoReturn:
    """Raises `CannotCompile`."""
    raise CannotCompile(subject, reason)


class Symbol:
    """An unknown value of an event. Operations that need the value at once, such as `if`, are refused."""

    def __bool__(self) -> bool:  # noqa: PLE0304 it never returns
        refuse("`if`, `and`, `or`, `not` or `in` on an event's value", "write when(condition, yes, no), &, | or ~.")

    def __iter__(self) -> Any:
        refuse("a loop over an event's value", "a rule has a fixed set of keys; return a list of verbs, or fold.")

    def __hash__(self) -> int:  # noqa: PLE0309 it never returns
        refuse("a dict or set of event's values", "look them up with when(), or fold.")

    def __str__(self) -> str:  # noqa: PLE0307 it never returns
        refuse("an event's value made text", "join text with concat(); cast(value, str) what is not text.")

    def __format__(self, _: str) -> str:
        refuse("an f-string with an event's value", "join text with concat(); cast(value, str) what is not text.")

    def __getitem__(self, item: object) -> NoReturn:
        refuse(f"[{item!r}] on an event's value", "declare a nested model and name its field.")

    def __truediv__(self, _: object) -> NoReturn:
        refuse("`/` on an event's value", "a quotient has no exact scale; keep both numbers and divide in a query.")

    __rtruediv__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __truediv__

    def __int__(self) -> int:
        refuse("int() or float() of an event's value", "use cast(value, int).")

    __float__ = __index__ = __int__

    def __eq__(self, _: object) -> Any:
        refuse("a comparison with a whole model", "compare one of its fields.")

    __ne__ = __eq__
