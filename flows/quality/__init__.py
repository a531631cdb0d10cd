"""Quality: a read model's suite run by Great Expectations in PostgreSQL, and its place in the gate.

Only `great_expectations` imports that library, which takes eight seconds.
"""
