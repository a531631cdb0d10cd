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
    # The log is outside of what `acci erase` reaches: it tells neither rows, nor statements, nor their parameters.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    # A forgotten transaction keeps every read model from what was appended after it began.
    "idle_in_transaction_session_timeout": "15min",
}
# An error's first line may name a value too. Its session is told; the server's own processes go on logging theirs.
OF_SESSIONS = {"log_min_messages": "log"}
