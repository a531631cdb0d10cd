"""PostgreSQL: connections and pools, sessions and roles, SQL files, migrations, locks, and what errors mean.

Nothing here knows events or read models. Begin with `database`.
"""
