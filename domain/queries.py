"""Queries: a typed question to a read model, answered by one SQL statement of the same name."""

from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from acci.domain.errors import DefinitionError

R = TypeVar("R", bound=BaseModel)


class Question(BaseModel, Generic[R]):
    """What `Query` and `OneQuery` have in common. Its fields are the parameters of its SQL.

    `answer` is the model of one row, taken from the brackets: `Query[StockRow]`. `one`: there is at most one row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    answer: ClassVar[type[BaseModel]]
    one: ClassVar[bool] = False

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "name" not in vars(cls):
            return
        kind = OneQuery if issubclass(cls, OneQuery) else Query
        if "answer" in vars(cls) or "one" in vars(cls):
            reason = f"leave `answer` and `one` out; its bases say how it is answered: {kind.__name__}[Row]."
            raise DefinitionError(f"Query {cls.name}", reason)
        rows = [row for each in cls.__mro__ for row in _arguments(each) if isinstance(row, type)]
        if not rows or not issubclass(rows[0], BaseModel):
            reason = f"name the model of a row in its bases: class {cls.__name__}({kind.__name__}[Row])."
            raise DefinitionError(f"Query {cls.name}", reason)
        cls.answer = rows[0]


class Query(Question[R], Generic[R]):
    """A query that is answered by a list of rows: `class LowStock(Query[StockRow])`.

    Its fields are the parameters of `queries/<name>.sql` in the context's SQL folder.
    """


class OneQuery(Question[R], Generic[R]):
    """A query that is answered by one row, or None: `class GetItem(OneQuery[StockRow])`; otherwise as `Query`."""

    one: ClassVar[bool] = True


def _arguments(kind: type) -> tuple[Any, ...]:
    found: dict[str, Any] = getattr(kind, "__pydantic_generic_metadata__", {})
    return tuple(found.get("args", ()))
