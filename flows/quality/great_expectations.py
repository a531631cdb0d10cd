"""Quality: a read model's suite run by Great Expectations, in PostgreSQL, on one generation's table.

The only module that imports Great Expectations, and only once there is something to check: its import takes seconds and
230 MB, which a process pays once.
"""

import logging
import os
import re
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from acci.domain.projections import Projection
from acci.domain.quality import Expectation, Suite
from acci.flows.quality.reports import Report, Result
from acci.store.compiling.event_filter import Selection
from acci.store.extras import needs
from acci.store.generations.generations import Generation
from acci.store.postgres.database import Connection
from acci.store.postgres.session import options_of
from acci.store.projecting.affected_keys import collect_affected_keys, collected_keys
from acci.store.registry import Catalogue

with needs("quality"):
    from sqlalchemy.engine import URL

MAX_ROWS_SHOWN = 20  # failing rows shown for an expectation
DOUBLE = '"'
MAX_KEYS = 5_000  # keys: where more rows changed, the whole table is checked instead
SET_HERE = {"user", "password", "host", "port", "dbname", "options", "application_name", "client_encoding"}
Key = tuple[str | None, ...]


def check(
    connection: Connection, catalogue: Catalogue, projection: type[Projection], generation: Generation
) -> list[Result]:
    """The expectations of the read model's suite that fail on the generation's table; none without a suite."""
    suite = catalogue.suites.get(projection.name)
    return validate(connection, suite, generation).failures if suite else []


def validate(
    connection: Connection, suite: Suite, generation: Generation, span: tuple[int, int] | None = None
) -> Report:
    """The suite on the generation's table; with `span`, on the rows that events in (after, upto] changed.

    On those rows only row-by-row expectations are checked; if there are many, the whole table is.
    """
    began = time.monotonic()
    keys = _affected_keys(connection, suite.projection, generation, span) if span else None
    expectations = [each for each in suite.expectations if keys is None or each.of_rows]
    query = None if keys is None else _rows_of(suite.projection.key, keys, generation)
    results = _validated(connection, generation, suite.projection.key, expectations, query)
    extent = "whole" if keys is None else f"{len(keys):,} rows that changed"
    return Report(generation.projection, generation.generation, extent, tuple(results), time.monotonic() - began)


def _affected_keys(
    connection: Connection, projection: type[Projection], generation: Generation, span: tuple[int, int]
) -> set[Key] | None:
    """The keys that the events affect; None if there are many."""
    with connection.transaction():
        number = collect_affected_keys(connection, projection, generation.read_model(connection), Selection(*span))
        return collected_keys(connection) if number <= MAX_KEYS else None


def _rows_of(key: Sequence[str], keys: set[Key], generation: Generation) -> str:
    columns = ", ".join(f"{_spelled(name, DOUBLE)}::text" for name in key)
    values = (f"({', '.join('NULL' if part is None else _spelled(part) for part in each)})" for each in keys)
    table = f"{_spelled(generation.schema, DOUBLE)}.{_spelled(generation.projection, DOUBLE)}"
    wanted = ", ".join(values) if keys else "SELECT NULL LIMIT 0"
    return f"SELECT * FROM {table} WHERE ({columns}) IN ({wanted})"  # noqa: S608 each part is quoted


def _spelled(text: str, quote: str = "'") -> str:
    """An SQL name or text, escaped so that no layer takes a character for the beginning of a parameter."""
    inner = text.replace("\\", "\\\\").replace(quote, quote * 2).replace("%", "\\0025").replace(":", "\\003A")
    return f"U&{quote}{inner}{quote}"


@cache
def _library() -> Any:
    """Great Expectations, imported at the first call, without its telemetry and its log lines."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations in its own imports
        with needs("quality"):
            import great_expectations
            import great_expectations.expectations
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)  # it sets a level itself
    return great_expectations


def _validated(
    connection: Connection,
    generation: Generation,
    key: Sequence[str],
    expectations: list[Expectation],
    query: str | None,
) -> list[Result]:
    """Each expectation on the table, or on what `query` gives. One context of its own, nothing left on disk."""
    library = _library()
    context = library.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_postgres(
        "acci", connection_string=_url(connection, generation.schema), create_temp_table=query is not None
    )
    try:
        if query is None:
            asset = source.add_table_asset(generation.projection, table_name=generation.projection)
        else:
            asset = source.add_query_asset(generation.projection, query=query)
        batch = asset.add_batch_definition_whole_table("rows").get_batch()
        suite, results = library.ExpectationSuite(name=generation.projection), {}
        for place, each in enumerate(expectations):
            try:
                suite.add_expectation(_made(library, each, key, place))
            except (ValueError, TypeError, library.exceptions.GreatExpectationsError) as error:
                results[place] = Result(each, False, None, (), error=_on_one_line(error))
        wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": list(key)}
        done = batch.validate(suite, result_format=wanted | {"partial_unexpected_count": MAX_ROWS_SHOWN})
        for found in done.results:
            place = found.expectation_config.meta["place"]
            results[place] = _result(expectations[place], found.to_json_dict(), key)
        return [results[place] for place in sorted(results)]
    finally:
        source.get_engine().dispose()


def _made(library: Any, expectation: Expectation, key: Sequence[str], place: int) -> Any:
    if expectation.where is None:
        kind = library.expectations.registry.get_expectation_impl(expectation.name)
        return kind(**expectation.arguments, meta={"place": place})
    columns = _taken_literally(", ".join('"{}"'.format(name.replace('"', '""')) for name in key))
    columns = columns.replace("{", "{{").replace("}", "}}")
    # It goes through str.format for {batch}, and then through SQLAlchemy's text().
    condition = _taken_literally(expectation.where).replace("{", "{{").replace("}", "}}")
    query = f"SELECT {columns} FROM {{batch}} WHERE {condition}"  # noqa: S608 the condition is part of the program
    return library.expectations.UnexpectedRowsExpectation(unexpected_rows_query=query, meta={"place": place})


def _taken_literally(text: str) -> str:
    """The SQL for SQLAlchemy, which would take a colon for the beginning of a parameter, as in '{"a":1}'."""
    kept = re.sub(r"\\(?=:[\w$]*(?![:\w$]))", r"\\\\", text)  # a backslash there would go
    return re.sub(r"(?<![:\w\\]):(?=[\w$]+(?![:\w$]))", r"\\:", kept)


def _result(expectation: Expectation, outcome: Mapping[str, Any], key: Sequence[str]) -> Result:
    error = _error(outcome["exception_info"])
    if error is not None:
        return Result(expectation, False, None, (), error=error)
    result = outcome["result"]
    rows = result.get("partial_unexpected_index_list") or result.get("details", {}).get("unexpected_rows")
    if rows is None:
        rows = [value for value in result.get("partial_unexpected_list", ()) if isinstance(value, dict)]
    keys = tuple({name: row[name] for name in key if name in row} for row in rows[:MAX_ROWS_SHOWN])
    found = result.get("observed_value")
    counted = found if expectation.where is not None else result.get("unexpected_count")
    observed = f"{found} was found" if isinstance(found, int | float) else ""  # other text may contain values of rows
    return Result(expectation, bool(outcome["success"]), counted, keys, observed)


def _error(info: Mapping[str, Any]) -> str | None:
    """The error of an expectation that could not be checked, which otherwise looks like a failed one."""
    for each in [info] if "raised_exception" in info else info.values():
        if each["raised_exception"]:
            return _on_one_line(each["exception_message"])
    return None


def _on_one_line(error: object) -> str:
    """The error without the statement, and without the value that PostgreSQL refused."""
    said = " ".join(str(error).split("[SQL:")[0].split("DETAIL:")[0].split())
    return re.sub(r': "[^"]*"', ": a value", said)[:500]


def _url(connection: Connection, schema: str) -> str:
    """The connection's address, for a second one by way of SQLAlchemy that looks for tables in `schema` first.

    It is secured as the first one is: with the same sslmode and certificates.
    """
    info = connection.info
    address = (info.user, info.password or None, info.host, info.port, info.dbname)
    others = {name: value for name, value in info.get_parameters().items() if name not in SET_HERE}
    options = f"{options_of('project')} -c search_path={schema},public"
    url = URL.create("postgresql+psycopg", *address, query=others | {"options": options})
    return url.render_as_string(hide_password=False)
