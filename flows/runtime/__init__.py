"""Runtime, shared by all flows: session, retries, time limits, parameters, run names, redaction.

No flow is here. Begin with `session`.
"""
