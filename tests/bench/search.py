"""How long search_users takes among a million users: common words, rare ones, one letter, none, deep pages.

`measure(database_url)` returns rows in milliseconds, the best of a few; 600,000 of the users are one tenant's.
"""

import time
from typing import Any

from psycopg import sql as identifiers

from acci.domain.queries import Question
from acci.store.postgres.database import Connection, connect
from acci.store.reading.queries import ask, question
from acci.store.rebuilding import build
from acci.store.registry import Catalogue, load
from tests.bench.rows import Row

USERS, TIMES = 1_000_000, 5
FILL = """
INSERT INTO read.user_view (tenant_id, id, email, name, status, created_at, updated_at)
SELECT tenant, 'user-' || n, lower(first) || '.' || lower(last) || n || '@' || tenant || '.example',
       first || ' ' || last, 'active', now(), now()
FROM (
    SELECT n, CASE WHEN n %% 10 < 6 THEN 'giant' ELSE 'tenant-' || floor(exp(random() * ln(500))) END AS tenant,
        (%(first)s::text[])[1 + floor(power(random(), 2) * cardinality(%(first)s))] AS first,
        initcap(translate(left(md5(n::text), 5 + n %% 4), '0123456789', 'aeiourstln')) AS last
    FROM generate_series(1, %(users)s) AS n
) AS people
"""
FIRST = [
    *("Ann", "Anna", "Bea", "Carl", "Dora", "Émile", "Fay", "Gus", "Hana", "Ivo", "Jan", "Kees", "Lea", "Mia", "Nils"),
    *("Ole", "Pia", "Quentin", "Rosa", "Sven", "Tess", "Uwe", "Vera", "Willem", "Xander", "Yara", "Zoë", "Johannes"),
    *("Maria", "Susan"),
]
QUERIES = {
    "no word": ("", 0),
    "no word, page 2,000": ("", 100_000),
    "a common word": ("ann", 0),
    "a word late in the alphabet": ("quentin", 0),
    "its page 100": ("quentin", 5000),
    "a rare word": ("user-ann", 0),
    "one user's email": ("12340@giant", 0),
    "what nobody has, of pieces that all have": ("7@giant", 0),
    "two common letters": ("an", 0),
    "two rare letters": ("qz", 0),
    "a percent sign": ("%", 0),
}


def measure(database_url: str) -> list[Row]:
    """Fills the read model once, then asks."""
    catalogue = load(["acci.domain.users"])
    with connect(database_url, "bench") as connection:
        build.rebuild(connection, catalogue, catalogue.projection("user_view"))
        connection.execute("SELECT setseed(0.5)")
        connection.execute(identifiers.SQL(FILL), {"first": FIRST, "users": USERS})
        connection.execute("VACUUM ANALYZE")
        rows = []
        for tenant in ("giant", "tenant-1", "tenant-400"):
            for what, (query, offset) in QUERIES.items():
                asked = question(
                    catalogue, "search_users", {"tenant_id": tenant, "query": query, "offset": offset, "limit": 50}
                )
                best = min(_milliseconds(connection, catalogue, asked) for _ in range(TIMES))
                rows.append(Row(f"search_users, {tenant}, {what}", round(best, 1), "ms"))
    return rows


def _milliseconds(connection: Connection, catalogue: Catalogue, asked: Question[Any]) -> float:
    began = time.perf_counter()
    ask(connection, catalogue, asked)
    return (time.perf_counter() - began) * 1000
