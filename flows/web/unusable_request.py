"""A request that cannot be used as HTTP has it, before anything of the application is asked."""

from acci.domain.errors import AcciError


class UnusableRequest(AcciError):
    """A request is answered with the status of a client's mistake; `problems` pairs fields with what is wrong."""

    status: int
    reason: str
    problems: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()

    sentence = "The request cannot be used (status {status}): {reason}"
