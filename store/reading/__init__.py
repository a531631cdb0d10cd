"""Reading: typed queries, read models as of a point in time, and reading one's own writes.

Nothing is written, and no read model is filled here. Begin with `queries`; the past is in `as_of`.
"""
