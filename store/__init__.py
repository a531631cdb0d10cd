"""The only door to PostgreSQL: append, read, project, rebuild, audit.

It knows neither Prefect nor Great Expectations, which are in `acci.flows`, and no user's domain. Each package says in
its first lines what it is; begin with `log`, then `commands` for writing and `projecting` for reading.
"""
