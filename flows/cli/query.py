"""`acci query`: ask a read model."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from acci.flows.cli.json_input import read_object, with_tenant
from acci.flows.cli.printing import JsonFlag, console, print_json, print_table

if TYPE_CHECKING:
    from pydantic import BaseModel

    from acci.domain.queries import Question
    from acci.store.postgres.database import Database
    from acci.store.registry import Catalogue

    Answer = list[BaseModel] | BaseModel | None


def query(
    name: Annotated[str, typer.Argument(help="The query's name, such as search_users.")],
    parameters: Annotated[
        str, typer.Argument(help="Its parameters as a JSON object; - reads them from standard input.")
    ] = "{}",
    tenant: Annotated[str | None, typer.Option(help="The tenant to ask for; also the parameter tenant_id.")] = None,
    all_tenants: Annotated[bool, typer.Option("--all-tenants", help="Ask as an administrator.")] = False,
    json: JsonFlag = False,
) -> None:
    """Ask a read model.

    The answer is as current as its projection. Without a tenant, no rows are visible.
    """
    from acci.flows.runtime.session import catalogue, reads
    from acci.store.postgres.session import Role
    from acci.store.reading.queries import NotPublished, ask

    given, named = read_object(parameters), "tenant_id" in catalogue().query(name).model_fields
    asked = _question(catalogue(), name, with_tenant(given, tenant) if named else given, all_tenants)
    role: Role = "administer" if all_tenants else "read"
    with reads(role, pooled=not all_tenants) as (source, registered):

        def answered(database: "Database") -> "Answer":
            with database.connection() as connection:
                return ask(connection, registered, asked, tenant)

        answer = source.read(answered, (NotPublished,))
    if json:
        print_json(_plain(answer))
    else:
        _show(list(asked.answer.model_fields), answer)


def _question(catalogue: "Catalogue", name: str, given: dict[str, Any], all_tenants: bool) -> "Question[Any]":
    """The typed query. If its tenant is missing, the error names the option."""
    from acci.store.reading.queries import InvalidQuery, question

    try:
        return question(catalogue, name, given)
    except InvalidQuery as error:
        if "tenant_id" in given:
            raise
        also = ", also with --all-tenants" if all_tenants else ""
        problems = tuple(
            (field, f"{why}: give it with --tenant{also}" if field == "tenant_id" else why)
            for field, why in error.problems
        )
        raise InvalidQuery(name, problems) from error


def _plain(answer: "Answer") -> object:
    if isinstance(answer, list):
        return [row.model_dump(mode="json") for row in answer]
    return None if answer is None else answer.model_dump(mode="json")


def _show(columns: list[str], answer: "Answer") -> None:
    if not answer:
        console(stderr=True).print("Nothing found.")
        return
    if isinstance(answer, list):
        print_table(columns, ((value for _, value in row) for row in answer))
    else:
        print_table(("column", "value"), answer)
