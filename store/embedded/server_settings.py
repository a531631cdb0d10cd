"""How the embedded PostgreSQL is set."""

# Right for a laptop as well as for 2 cores and 24 GiB; written once, into the data folder's postgresql.conf.
TUNING = {
    "shared_buffers": "256MB",
    "effective_cache_size": "2GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_lock_waits": "on",
    "log_line_prefix": "%m [%p] %d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}  # outlives a killed server, not a lost machine

# Given at each start, so that they hold for data made by an earlier ACCI too.
ALWAYS = {
    # `acci erase` cannot reach this log, so it must contain no rows, no statements and no parameters.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    # A forgotten transaction holds up every read model: events appended after it began are not final.
    "idle_in_transaction_session_timeout": "15min",
}
# An error's first line may contain a value too. The client still gets it; the server's own processes still log theirs.
OF_SESSIONS = {"log_min_messages": "log"}
