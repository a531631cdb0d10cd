"""The users example's welcome mail: to those who come, not to the sample's, and well where nobody set a topic."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from acci.domain.commands import Command, CommandMetadata
from acci.domain.users import CONTEXT
from acci.domain.users.user import CreateUser
from acci.store.commands.handler import CommandHandler
from acci.store.log.event_store import EventStore
from acci.store.postgres.database import Connection, Database, connect
from acci.store.reacting.delivering import Deliverer
from acci.store.reacting.following import Reactor, react
from acci.store.reacting.routes import Routes
from acci.store.reacting.senders.mail import mail_of
from acci.store.registry import Catalogue
from acci.store.settings import Settings
from acci.store.testing.simulation import simulate
from tests.support.outboxes import outgoing

USERS = Catalogue((CONTEXT,))


def test_each_new_user_gets_one_and_the_sample_none(
    database: Database, database_url: str, connection: Connection, tmp_path: Path
) -> None:
    notes: list[str] = []
    assert CONTEXT.simulation is not None
    simulate(database_url, CONTEXT.simulation, events=500)
    with connect(database_url, "react", "project") as session:
        reactor = Reactor(session, USERS, ["welcome_mail"], lambda name, what: notes.append(f"{name}: {what}"))
        react(reactor)
        handler = CommandHandler(EventStore(database, USERS), USERS)
        for name in ("ann", "bob"):
            metadata = CommandMetadata(
                user_id="admin", correlation_id="request-1", tenant_id="acme", timestamp=datetime.now(UTC)
            )
            handler.handle(Command(uuid4(), CreateUser(user_id=name, email=f"{name}@b.example", name=name), metadata))
        react(reactor)
        routes = Routes(Settings.from_environment({"ACCI_HOME": str(tmp_path)}).topics)
        with Deliverer(session, USERS, routes, lambda name, what: notes.append(f"{name}: {what}")) as deliverer:
            deliverer.step()

    sent = [json.loads(line) for line in (tmp_path / "messages.jsonl").read_text().splitlines()]
    assert sorted(each["data"]["to"] for each in sent) == ["ann@b.example", "bob@b.example"]
    assert not notes, "nothing to look at"
    assert connection.execute("SELECT ended, count(*) FROM acci.deliveries GROUP BY 1").fetchall() == [("delivered", 2)]
    _, recipients, mail = mail_of(outgoing({"payload": sent[0]["data"], "headers": {}}), "shop@example.com")
    assert (recipients, mail["Subject"]) == ([sent[0]["data"]["to"]], "Welcome")
