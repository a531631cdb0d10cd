"""Queries: a typed question to a read model, answered by one SQL statement of the same name."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Query(BaseModel):
    """A question. Fields are its parameters; `sql/queries/<name>.sql` of its context answers it.

    `answer` is the model of one row. `one` says that there is at most one row (no row is None).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]
    answer: ClassVar[type[BaseModel]]
    one: ClassVar[bool] = False
