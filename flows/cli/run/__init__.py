"""`acci run`: the flows of the deployments, run here and now, one file a command.

Begin with `commands`, which lists them, and `flow_runs`, which runs a flow in this process.
"""
