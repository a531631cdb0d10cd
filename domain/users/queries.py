"""The questions that the user read model answers."""

from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, Field

from acci.domain.queries import OneQuery, Query


class UserRow(BaseModel):
    tenant_id: str
    id: str
    email: str
    name: str
    status: str
    created_at: datetime
    updated_at: datetime


class GetUser(OneQuery[UserRow]):
    """The user with that id, or none."""

    name: ClassVar[str] = "get_user"

    tenant_id: str
    id: str = Field(examples=["ann"])


class SearchUsers(Query[UserRow]):
    """Users whose name or email contains `query`, without regard to case, by name; `%` and `_` are literal."""

    name: ClassVar[str] = "search_users"

    tenant_id: str
    query: str = Field(examples=["ann"])
    limit: int = Field(default=50, ge=1, le=1000)
    # Far larger ones are refused by PostgreSQL: this is what a client may count on.
    offset: int = Field(default=0, ge=0, json_schema_extra={"maximum": 1_000_000_000})
