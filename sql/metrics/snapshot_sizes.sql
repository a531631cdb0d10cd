SELECT sizes FROM acci.snapshot_sizes;
