"""Runtime: what every flow needs: session, retries, time limits, parameters, run names, redaction.

No flow is here. Begin with `session`.
"""
