"""Requests read strictly: bounded, in JSON that means one thing, and without a parameter that nobody knows."""

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from psycopg import Error
from pydantic import BeforeValidator

from acci.domain.errors import AcciError
from acci.flows.web import problems
from acci.flows.web.unusable_request import UnusableRequest
from acci.store.postgres.refusals import refusal_of
from acci.store.values.pydantic_errors import lowered
from acci.store.values.strict_json import decoded, parse_object

MOST_PARAMETERS = 1000
BODY_LIMIT = 1_000_000  # bytes


def _whole(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch("[0-9]{1,19}", value):
        raise ValueError("is no whole number from 0 on")
    return value


WHOLE = BeforeValidator(_whole)  # of a number in a parameter, behind its bounds


class JsonRequest(Request):
    """A request whose body was read already."""

    raw: bytes = b""

    async def body(self) -> bytes:
        return self.raw

    async def json(self) -> Any:
        return parse_object(decoded(self.raw))


def route_of(limit: int) -> type[APIRoute]:
    """The class of routes whose bodies are JSON of at most `limit` bytes, and whose refusals are problems."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handler(request: Request) -> Response:
                asked = JsonRequest(request.scope, request.receive)
                try:
                    _check_parameters(self, request)
                    if self.body_field is not None:
                        await _read(asked, limit)
                    return await handle(asked)
                except RequestValidationError as error:
                    return problems.answer(_unusable(error))
                except (AcciError, Error) as error:  # also of the program's own dependencies
                    if not isinstance(error, AcciError) and refusal_of(error) is None:
                        raise
                    return problems.answer(error)

            return handler

    return Route


async def _read(request: JsonRequest, limit: int) -> None:
    """Afterwards the request has its whole body, which is JSON. Raises `UnusableRequest`, `NotJson`."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "text/plain")
    charset = message.get_param("charset", "utf-8")
    if message.get_content_type() != "application/json" or str(charset).lower() not in ("utf-8", "utf8"):
        raise UnusableRequest(415, "Send application/json, in UTF-8.", headers=(("Accept", "application/json"),))
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnusableRequest(415, "Send it without a Content-Encoding.", headers=(("Accept-Encoding", "identity"),))
    too_large = UnusableRequest(413, f"The limit is {limit:,} bytes.", headers=(("Connection", "close"),))
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > len(str(limit)) or int(length) > limit:
        raise too_large
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise too_large
        parts.append(part)
    request.raw = b"".join(parts)
    parse_object(decoded(request.raw))


def parameters(request: Request) -> list[tuple[str, str]]:
    """The parameters in the address, in order. Raises `UnusableRequest` if they are not UTF-8, or too many."""
    try:
        return parse_qsl(
            request.scope["query_string"].decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except ValueError:
        raise UnusableRequest(400, "Its parameters are not percent-encoded UTF-8, or too many.") from None


def _check_parameters(route: APIRoute, request: Request) -> None:
    """Raises `UnusableRequest` for a parameter that is not known, or is there twice and no list."""
    declared = (route.openapi_extra or {}).get("parameters", ())
    known = {*_known(route.dependant), *(each["name"] for each in declared)}
    lists = {each["name"] for each in declared if is_list(each["schema"])}
    names = [name for name, _ in parameters(request)]
    wrong = [(name, "is not known") for name in dict.fromkeys(names) if name not in known]
    wrong += [(name, "is there more than once") for name in known - lists if names.count(name) > 1]
    if wrong:
        raise UnusableRequest(422, "Correct the parameters in errors.", tuple(wrong))


def is_list(schema: dict[str, Any]) -> bool:
    """Whether a parameter of this JSON schema may be there several times."""
    return schema.get("type") == "array" or any(is_list(each) for each in schema.get("anyOf", ()))


def _known(dependant: Dependant) -> Iterator[str]:
    """The parameters in the address that the endpoint declares, or what it depends on."""
    yield from (each.alias for each in dependant.query_params)
    for each in dependant.dependencies:
        yield from _known(each)


def _unusable(error: RequestValidationError) -> UnusableRequest:
    """What FastAPI found wrong; a header is malformed, all else is not valid."""
    found = error.errors()
    in_header = all(each["loc"][0] == "header" for each in found)
    return UnusableRequest(
        400 if in_header else 422,
        "Correct what errors names.",
        tuple(_problem(each["loc"], each["msg"]) for each in found),
    )


def _problem(place: Iterable[Any], said: str) -> tuple[str, str]:
    return ".".join(map(str, list(place)[1:])), lowered(said.removeprefix("Value error, "))
