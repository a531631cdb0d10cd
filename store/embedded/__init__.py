"""The embedded server: a PostgreSQL of the project's own, made, started and stopped without an administrator.

Only `acci.store.database_url` and `acci up` know it; everything else is given a URL. Begin with `server`.
"""
