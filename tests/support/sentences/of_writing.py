"""Errors in appending, reading and importing events, with their sentences."""

from acci.domain.errors import AcciError
from acci.store.aggregates.loading import UnreadableEvent, UnregisteredEvent, WrongAggregate
from acci.store.aggregates.snapshots import SnapshotRefused
from acci.store.encryption.key_store import KeyMissing, KeyUnknown, NoKeyStore, WrongMasterKey
from acci.store.encryption.payload_encryption import Tampered
from acci.store.importing.problems import (
    AlreadyImported,
    BadLines,
    ImportBegun,
    ImportRunning,
    InvalidMapping,
    StreamsInUse,
    UnreadableFile,
)
from acci.store.log.append_errors import EventIdTaken, MisplacedEvent, StreamChanged
from acci.store.log.bulk import BulkRefused
from acci.store.log.event_ids import DuplicateIds
from acci.store.log.idempotency import CommandReused
from acci.store.log.payloads import PayloadTooLarge
from acci.store.maintenance.erasure import NobodyToErase
from acci.store.testing.simulation import SimulationRunning
from acci.store.values.storable import Unstorable
from acci.store.values.strict_json import NotJson
from acci.store.values.timestamps import WrongTimestamp

SENTENCES: list[tuple[AcciError, str]] = [
    (
        SnapshotRefused("Purse", "p", "spent", "is a dict that would come back as another"),
        (
            "No snapshot is taken of Purse 'p', which is loaded from its events: spent is a dict that would come back "
            "as another."
        ),
    ),
    (
        EventIdTaken("a"),
        (
            "The events for 'a' were not stored: the id of one of them is that of an event in the log. If they were "
            "sent before, they are there; else give each an id of its own."
        ),
    ),
    (
        DuplicateIds("Key (id)=(1-2) is duplicated"),
        (
            "Event ids cannot be made unique: Key (id)=(1-2) is duplicated. Find them with `acci run audit` "
            "(event_ids); until then leave ACCI_UNIQUE_EVENT_IDS out."
        ),
    ),
    (
        UnregisteredEvent("Paid", "a", 4, "no event type Paid is registered."),
        (
            "Paid, version 4 of 'a', is of no registered event class. Say `formerly = (\"Paid\",)` in the class that "
            "it became, retire it in its Context, or name its domain in ACCI_CONTEXTS; until then its aggregate "
            "decides nothing."
        ),
    ),
    (
        WrongAggregate("Account", "User", "a"),
        "'a' is a stream of User, not of Account. Give the class that is the stream's own.",
    ),
    (
        StreamChanged("u1", 2, 3),
        "'u1' is at version 3, and had to stay at 2 for this change. Look at it again and decide again.",
    ),
    (
        MisplacedEvent("Paid", "a", "version 3 is next."),
        "Paid for 'a' does not belong there: version 3 is next.",
    ),
    (
        CommandReused("Pay", "1-2"),
        "Pay was not handled: another command with the id 1-2 was handled before. Send it with an id of its own.",
    ),
    (
        PayloadTooLarge("Paid", "a", 2_000_000, 1_000_000),
        (
            "The payload of Paid for 'a' is 2,000,000 bytes, more than the limit of 1,000,000. Keep large "
            "content elsewhere and put its address into the event."
        ),
    ),
    (
        Unstorable("The stream", "aggregate_id", "is empty."),
        "The stream cannot be stored: aggregate_id is empty.",
    ),
    (
        UnreadableEvent("Paid", "a", 4, "amount: field required."),
        (
            "Paid, version 4 of 'a', cannot be read: amount: field required. Declare an upcaster for it; until "
            "then its aggregate decides nothing."
        ),
    ),
    (
        BulkRefused("version 3 exists."),
        "Nothing was stored: version 3 exists. Correct the events and append them again.",
    ),
    (
        NotJson("expecting value at character 1"),
        "This is not a JSON object that can be read: expecting value at character 1. Correct it and try again.",
    ),
    (
        WrongTimestamp("noon"),
        (
            "'noon' is no moment with a time zone in the years 1 to 9999 of UTC; "
            "write it as 2026-01-31T09:00:00Z or 2026-01-31T10:00+01:00."
        ),
    ),
    (
        NoKeyStore(),
        (
            "Personal data needs a place for its keys, apart from the log: set ACCI_KEYS_URL to a database "
            "that is not backed up with it. A program of your own hands `key_store(settings)` to `Database` or "
            "`connect` as `keys`."
        ),
    ),
    (
        KeyMissing("1-2"),
        (
            "The key 1-2 is not in the key store: it is the store of another log, or an older one. Set "
            "ACCI_KEYS_URL to the right one; nothing is taken for erased that was not."
        ),
    ),
    (
        KeyUnknown("1-2"),
        (
            "The key 1-2 is not in the key store, which has others: its value is forged, or the store older than "
            "the log. Bring the store up to date, or discard the event."
        ),
    ),
    (
        WrongMasterKey("they are wrapped with another one"),
        (
            "The keys cannot be used: they are wrapped with another one. Set ACCI_MASTER_KEY to this store's "
            "32 bytes, in base64."
        ),
    ),
    (
        Tampered("1-2"),
        "A value under the key 1-2 was changed, or moved from another event. Restore it from a backup.",
    ),
    (
        NobodyToErase("acme", "ann"),
        "The tenant 'acme' has no personal data of 'ann'. Check both names.",
    ),
    (
        SimulationRunning(),
        "Another simulation runs in this database. Wait for it to end.",
    ),
    (
        InvalidMapping("users.toml", ("format is missing", "type names nothing")),
        "The mapping users.toml cannot be used: format is missing; type names nothing. Correct it and import again.",
    ),
    (
        UnreadableFile("users.csv", "no such file or directory"),
        "users.csv cannot be imported: no such file or directory.",
    ),
    (
        BadLines("users.csv", 1, ("line 3: it is empty",)),
        "users.csv: 1 line cannot be stored, so nothing was. Correct them and import again.\n  line 3: it is empty",
    ),
    (
        BadLines("users.csv", 1_002, ("line 3: it is empty", "line 4: it is empty")),
        (
            "users.csv: 1,002 lines cannot be stored, so nothing was. Correct them and import again.\n  "
            "line 3: it is empty\n  line 4: it is empty\n  … and 1,000 more"
        ),
    ),
    (
        AlreadyImported("users.csv", "old.csv", "2026-01-31", 1_250),
        "users.csv has been imported already, as old.csv on 2026-01-31 (1,250 events). Nothing was stored.",
    ),
    (
        ImportBegun("users.csv", 1_250, "Run it with --resume to go on"),
        "An import of users.csv was begun and has stored 1,250 events. Run it with --resume to go on.",
    ),
    (
        ImportRunning("users.csv"),
        "users.csv is being imported by another process. Wait for it to end.",
    ),
    (
        StreamsInUse("users.csv"),
        (
            "Others append to the streams that users.csv adds to; this part of it was not stored. Import again "
            "when they are quiet."
        ),
    ),
]
