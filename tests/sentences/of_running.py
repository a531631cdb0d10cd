"""What keeps ACCI and its servers from running, and the sentence it is told in."""

from domain.errors import AcciError
from flows.cli.deploy import NoPrefectServer
from flows.cli.main import UnusableArgument, UnusableFile
from flows.cli.metrics import CannotServe
from flows.cli.output import NoOutput
from flows.discretion import Unspoken
from flows.local.api import LoginRefused, PrefectUnreachable
from flows.local.deploying import NoSuchBlock, NotOurs
from flows.local.running import AlreadyRunning, NoHome
from flows.own_names import UnusablePrefix
from flows.task_runners import NoDask
from store.database import DatabaseLost, DatabaseUnreachable, NoRoom, NotAllowed, SchemaMissing
from store.embedded import NoDatabase
from store.embedded_programs import NoEmbeddedPostgres
from store.listening import PortTaken, ServerDidNotStart, ServerDidNotStop
from store.log_files import LogsClosed
from store.migrations import MigrationEdited, MigrationFailed, MigrationMissing, NotUnicode, ServerTooOld
from store.unprivileged import ForeignData, NoSystemUser

SENTENCES: list[tuple[AcciError, str]] = [
    (
        DatabaseUnreachable("h:1/d", "connection refused"),
        (
            "The database at h:1/d cannot be reached: connection refused. Start it with `make up`, or correct "
            "ACCI_DATABASE_URL."
        ),
    ),
    (
        DatabaseLost("server closed the connection"),
        (
            "The connection to the database was lost: server closed the connection. What was committed stays; "
            "run the same again when the database is back."
        ),
    ),
    (
        NoRoom("could not extend file"),
        (
            "The database's disk is full: could not extend file. What was committed stays; make room and run "
            "the same again."
        ),
    ),
    (
        SchemaMissing('relation "acci.events" does not exist'),
        (
            'The database has no ACCI schema, or that of an older ACCI (relation "acci.events" does not '
            "exist). Run `acci migrate`."
        ),
    ),
    (
        NotAllowed("permission denied for table events"),
        (
            "The database's user may not do this: permission denied for table events. Use another user, or "
            "grant the right; if ACCI was updated, run `acci migrate` first."
        ),
    ),
    (
        MigrationEdited("0001_event_log"),
        (
            "The migration 0001_event_log was edited after it had been applied. Restore the file as it was and "
            "put the change into a new migration."
        ),
    ),
    (
        MigrationMissing("0099_later"),
        (
            "The database has the migration 0099_later, which this checkout does not: it belongs to a newer "
            "ACCI. Update the checkout."
        ),
    ),
    (
        MigrationFailed("0001_event_log", 'schema "acci" already exists'),
        (
            'The migration 0001_event_log failed: schema "acci" already exists. Nothing was changed. Make room '
            "for it, or use a database of ACCI's own."
        ),
    ),
    (
        MigrationFailed("0020_roles", "permission denied", "Let another user do it."),
        "The migration 0020_roles failed: permission denied. Nothing was changed. Let another user do it.",
    ),
    (
        ServerTooOld(14),
        "The server is PostgreSQL 14; ACCI needs 15 or later. Use a newer server.",
    ),
    (
        NotUnicode("LATIN1"),
        (
            "The database's encoding is LATIN1; ACCI needs UTF8. Make another one: CREATE DATABASE … ENCODING "
            "'UTF8' TEMPLATE template0."
        ),
    ),
    (
        NoDatabase("/home/.acci"),
        (
            "There is no database: the embedded PostgreSQL in /home/.acci is not running, and "
            "ACCI_DATABASE_URL is not set. Start the one with `make up`, or set the other."
        ),
    ),
    (
        NoEmbeddedPostgres(),
        (
            "The embedded PostgreSQL is not installed, or there is none for this platform: run `make clean` "
            "and start again, or set ACCI_DATABASE_URL to a PostgreSQL of your own."
        ),
    ),
    (
        NoSystemUser("runuser"),
        (
            "PostgreSQL does not run as root, and to run it as a system user, runuser is missing. Start ACCI "
            "as an ordinary user, or set ACCI_DATABASE_URL to a PostgreSQL of your own."
        ),
    ),
    (
        ForeignData("/home/.acci", "ann"),
        (
            "The embedded PostgreSQL's data in /home/.acci belong to the user 'ann': run ACCI as that user or "
            "as root, or set ACCI_HOME to a folder of your own."
        ),
    ),
    (
        LogsClosed("/home/.acci/logs", "Permission denied"),
        (
            "The log files in /home/.acci/logs cannot be searched for what is to be erased (Permission denied). "
            "Nothing was done: run this as the user who ran `make up`."
        ),
    ),
    (
        PortTaken("the Prefect server", 4200, "--port"),
        (
            "Port 4200 is taken by another program, so the Prefect server cannot start on it: end that "
            "program, or choose another port with --port."
        ),
    ),
    (
        ServerDidNotStart("the Prefect server", "it ended.", "prefect.log"),
        "The Prefect server did not start: it ended. (its log: prefect.log)",
    ),
    (
        ServerDidNotStop("the Prefect server", "prefect.log"),
        "The Prefect server was told to stop and still runs; see its log: prefect.log",
    ),
    (
        PrefectUnreachable("http://h:4200/api", "connection refused"),
        (
            "The Prefect server at http://h:4200/api cannot be used: connection refused. Start it with `make "
            "up`, or correct PREFECT_API_URL."
        ),
    ),
    (
        LoginRefused("http://h:4200/api"),
        (
            "The Prefect server at http://h:4200/api refuses the login: let PREFECT_API_AUTH_STRING be its "
            "user:password (or PREFECT_API_KEY its key)."
        ),
    ),
    (
        NoPrefectServer(),
        "There is no Prefect server to deploy to: start one with `make up`, or name yours in PREFECT_API_URL.",
    ),
    (
        NotOurs("http://h:4200/api", ("audit", "backfill", "repair", "seal"), "something else than ACCI"),
        (
            "The Prefect server at http://h:4200/api has deployments of the same names (audit, backfill, repair …) "
            "that belong to something else than ACCI. Nothing was changed. Let ACCI_PREFECT_PREFIX begin the names of "
            "this database's, or take theirs with `acci deploy --take-over`."
        ),
    ),
    (
        UnusablePrefix("A b"),
        (
            "ACCI_PREFECT_PREFIX is 'A b', with which the names of deployments cannot begin: use up to 30 small "
            "letters, digits and hyphens, a letter first."
        ),
    ),
    (
        NoSuchBlock("slack-webhook/on-call"),
        (
            "There is no notification block 'slack-webhook/on-call' on the Prefect server. Make one on its "
            "Blocks page, and name it as TYPE/NAME, such as slack-webhook/on-call."
        ),
    ),
    (
        AlreadyRunning(77, "http://127.0.0.1:4200"),
        (
            "ACCI already runs in this folder (process 77, http://127.0.0.1:4200): use it, or stop it with "
            "Ctrl-C where it was started."
        ),
    ),
    (
        NoHome("/home/.acci", "read-only file system"),
        "The folder /home/.acci cannot be used (read-only file system): let ACCI_HOME name one that you may write.",
    ),
    (
        NoDask("2"),
        (
            "ACCI_DASK is '2', but Dask is not installed. Unset it, or install Dask: `pip install -r "
            "requirements-dask.txt`."
        ),
    ),
    (
        CannotServe("10.0.0.1", 80, "permission denied"),
        "Metrics cannot be served at 10.0.0.1:80: permission denied. Choose another --serve or --host.",
    ),
    (
        UnusableArgument(2, "holds half a surrogate pair, which is no character"),
        "Argument 2 cannot be used: holds half a surrogate pair, which is no character.",
    ),
    (
        NoOutput("no space left on device; what was done before stays done"),
        (
            "Standard output cannot be written: no space left on device; what was done before stays done. "
            "Give it a pipe, a terminal or a file with room."
        ),
    ),
    (
        UnusableFile("out.json", "permission denied"),
        "The file out.json cannot be used: permission denied.",
    ),
    (
        Unspoken("DataError"),
        "DataError. What PostgreSQL refused is in its own log.",
    ),
]
