"""Reactions, measured: deciding, delivering to a receiver on this machine, and the time from commit to arrival."""
