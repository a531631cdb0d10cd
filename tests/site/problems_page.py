"""The page of HTTP problems, made from the table that answers them."""

from acci.flows.web.problems import OF_REQUESTS, TABLE, UNEXPECTED

HEAD = """
# HTTP problems

How the [web API](../guides/serve-over-http.md) answers what is refused. An [error](errors.md) that is not here has the
line of its nearest base that is. *Retry after* is the header `Retry-After`, in seconds: send the same again then.
""".strip()
OF_HTTP = """
## Of the request itself

Requests that cannot be used as HTTP has them, before anything of the application is asked.
""".strip()


def http_problems() -> str:
    """Every error with its status and type, and the refusals that are HTTP's own."""
    rows = [(error.__name__, kind) for error, kind in TABLE.items()]
    rows.sort(key=lambda row: (row[1].status, row[0]))
    lines = [_row(f"`{name}`", kind.status, kind.type, kind.title, kind.retry_after) for name, kind in rows]
    last = _row("any other", UNEXPECTED.status, UNEXPECTED.type, UNEXPECTED.title, None)
    table = ["| error | status | type | title | retry after |", "| --- | --- | --- | --- | --- |", *lines, last]
    own = [f"| {status} | `urn:acci:problem:{name}` | {title} |" for status, (name, title) in OF_REQUESTS.items()]
    return (
        "\n\n".join(
            [HEAD, "\n".join(table), OF_HTTP, "\n".join(["| status | type | title |", "| --- | --- | --- |", *own])]
        )
        + "\n"
    )


def _row(error: str, status: int, kind: str, title: str, retry_after: int | None) -> str:
    return f"| {error} | {status} | `{kind}` | {title} | {'' if retry_after is None else retry_after} |"
