"""Reading: typed queries, read models as of a point in time, and reading one's own writes.

Begin with `queries`.
"""
