"""Random projections, tables and histories, for holding the two engines against each other."""
