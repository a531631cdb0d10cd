"""Addresses of databases: what may be shown of a connection URL."""

import psycopg
from psycopg.conninfo import conninfo_to_dict

from acci.store.postgres.errors import DatabaseUnreachable

DEFAULT_PORT = "5432"
FORM = "it is not of the form postgresql://user:password@host:port/database, special characters percent-encoded"


def whereabouts(url: str) -> str:
    """`host:port/database` of a connection URL, of several hosts `host:port,host:port/database`.

    Never the user's name or password. Raises `DatabaseUnreachable`.
    """
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        known = {"port": "unreadable"}
    hosts = str(known.get("host") or known.get("hostaddr") or "localhost").split(",")
    ports = [port or DEFAULT_PORT for port in str(known.get("port", "")).split(",")]
    # An @, : or / that was not encoded puts a part of the password where the host or the port is read.
    if any("@" in host for host in hosts) or not all(port.isdigit() for port in ports):
        raise DatabaseUnreachable("the address in ACCI_DATABASE_URL", FORM) from None
    if len(ports) == 1:  # one for all
        ports *= len(hosts)
    return f"{','.join(f'{host}:{port}' for host, port in zip(hosts, ports, strict=False))}/{known.get('dbname', '')}"
