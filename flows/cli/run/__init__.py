"""`acci run`: the flows of the deployments, run here and now, one file a group of commands.

Begin with `flow_runs`.
"""
