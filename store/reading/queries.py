"""Queries: a typed question to a read model, answered by the SQL file of its name."""

import re
from functools import cache
from pathlib import Path
from typing import Any, LiteralString, TypeVar, overload

import psycopg
from psycopg import errors
from psycopg.rows import dict_row
from pydantic import BaseModel, ValidationError

from acci.domain.errors import AcciError, DefinitionError
from acci.domain.queries import OneQuery, Query, Question
from acci.store.postgres.database import Connection
from acci.store.postgres.refusals import first_line
from acci.store.postgres.session import Role, take
from acci.store.postgres.tenants import enter
from acci.store.registry import Catalogue
from acci.store.values.as_written import misread
from acci.store.values.pydantic_errors import problems_of
from acci.store.values.storable import Unstorable

R = TypeVar("R", bound=BaseModel)


class InvalidQuery(AcciError):
    """A question's parameters cannot be used; `problems` pairs each with what is wrong."""

    query: str
    problems: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        listed = "; ".join(f"{field}: {why}" if field else why for field, why in self.problems)
        return f"The query {self.query} cannot be asked so: {listed}. Correct it and ask again."


class NotPublished(AcciError):
    """A read model that the question needs has no live generation yet."""

    query: str
    reason: str

    sentence = (
        "The query {query} cannot be answered yet: {reason}. "
        "Fill the read model with `acci run catch-up` or `acci run rebuild`, and ask again."
    )


def question(catalogue: Catalogue, name: str, parameters: dict[str, Any]) -> Question[Any]:
    """The typed question `name`. Raises `UnknownName`, or `InvalidQuery` naming every parameter that is wrong."""
    declared = catalogue.query(name)
    try:
        asked = declared.model_validate(parameters)
    except ValidationError as error:
        raise InvalidQuery(name, problems_of(error)) from error
    if problems := tuple(misread(parameters, asked)):
        raise InvalidQuery(name, problems)
    return asked


@overload
def ask(
    connection: Connection,
    catalogue: Catalogue,
    query: Query[R],
    tenant_id: str | None = None,
    role: Role | None = None,
) -> list[R]: ...
@overload
def ask(
    connection: Connection,
    catalogue: Catalogue,
    query: OneQuery[R],
    tenant_id: str | None = None,
    role: Role | None = None,
) -> R | None: ...
@overload
def ask(
    connection: Connection,
    catalogue: Catalogue,
    query: Question[R],
    tenant_id: str | None = None,
    role: Role | None = None,
) -> list[R] | R | None: ...
def ask(
    connection: Connection,
    catalogue: Catalogue,
    query: Question[Any],
    tenant_id: str | None = None,
    role: Role | None = None,
) -> list[Any] | Any | None:
    """The rows that answer `query`, typed; for a question with `one` answer that row, or None.

    Asked within that tenant, or the one that the question names; else within the session's. With the rights of `role`,
    if one is given; else the session's.

    The answer is as current as the read model: it may lag behind the events. Raises `UnknownName` if no context
    registers the query, `NotPublished` if the read model was never filled, `InvalidQuery` for a text that PostgreSQL
    cannot hold, `DefinitionError` if the SQL file is missing, is refused or gives rows of another shape.
    """
    catalogue.query(query.name)
    file = _file(query.name, catalogue.folders[query.name])
    statement = _statement(query.name, file)
    tenant = tenant_id or getattr(query, "tenant_id", None)
    with connection.cursor(row_factory=dict_row) as cursor:
        try:
            with connection.pipeline(), connection.transaction():
                if role is not None:
                    take(connection, role)
                if tenant is not None:
                    enter(connection, tenant, local=True)
                # Planned each time: one generic plan would be wrong for most parameters.
                rows = cursor.execute(statement, dict(query), prepare=False).fetchall()
        except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
            raise NotPublished(query.name, first_line(error)) from error
        except Unstorable as error:
            raise InvalidQuery(query.name, (("tenant_id", error.reason.rstrip(".")),)) from error
        except (psycopg.DataError, UnicodeEncodeError) as error:
            raise InvalidQuery(query.name, (("", first_line(error)),)) from error
        except errors.InsufficientPrivilege:
            raise
        except psycopg.ProgrammingError as error:
            raise DefinitionError(f"Query {query.name}", _fault(query, file, error)) from error
    try:
        answers = [query.answer.model_validate(row) for row in rows]
    except ValidationError as error:
        listed = "; ".join(f"{field}: {why}" for field, why in problems_of(error))
        raise DefinitionError(f"Query {query.name}", f"its SQL gives rows that are no answer: {listed}.") from error
    if query.one:
        return answers[0] if answers else None
    return answers


def read_by(catalogue: Catalogue, name: str) -> list[str]:
    """The registered read models that the query's SQL names; all of them if it names none, as behind a view.

    Raises `UnknownName`, `DefinitionError`.
    """
    catalogue.query(name)
    words = set(re.findall(r"\w+", _statement(name, _file(name, catalogue.folders[name]))))
    return sorted(words & catalogue.projections.keys()) or sorted(catalogue.projections)


def _file(name: str, folder: Path) -> Path:
    return folder / "queries" / f"{name}.sql"


@cache
def _statement(name: str, file: Path) -> LiteralString:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DefinitionError(f"Query {name}", f"write its SQL, in {file}.") from error


def _fault(query: Question[Any], file: Path, error: psycopg.ProgrammingError) -> str:
    """What is wrong with the SQL, as psycopg or PostgreSQL found it."""
    said = first_line(error)
    _, found, parameter = said.partition("query parameter missing: ")
    if not found:
        return f"its SQL is refused: {said}. Correct {file}."
    known = ", ".join(type(query).model_fields) or "none"
    return f"its SQL names a parameter that it has not: {parameter}. Correct {file}; its parameters: {known}."
