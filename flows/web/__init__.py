"""HTTP for commands, queries and streams: a router for a FastAPI program, and what `acci serve` runs.

Nothing is decided here: each request goes to the application, and what it refuses becomes a problem (RFC 9457). Begin
with `routes`; `problems` is the table from an error to a status. Nothing of Prefect is imported.
"""

from acci.store.extras import needs

with needs("web"):
    import fastapi  # noqa: F401 said here, so that its absence is a sentence

from acci.flows.web.identity import Identity
from acci.flows.web.routes import router

__all__ = ["Identity", "router"]
