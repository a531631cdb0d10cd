"""Queries: a typed question to a read model, answered by one SQL statement of the same name."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Query(BaseModel):
    """A query. Its fields are the parameters of `queries/<name>.sql` in the context's SQL folder.

    `answer` is the model of one row. `one`: there is at most one row; the result is that row, or None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    answer: ClassVar[type[BaseModel]]
    one: ClassVar[bool] = False
