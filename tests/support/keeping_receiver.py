"""A receiver of webhooks that keeps what comes: `python -m tests.support.keeping_receiver PORT FILE`.

The idempotency key is stored before the answer, so that a message which comes again changes nothing. What is of a key
whose name begins with "gone" is refused for good.
"""

import json
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TABLE = """CREATE TABLE IF NOT EXISTS messages (
    place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, reaction TEXT, key TEXT, rank INTEGER, position INTEGER,
    ordinal INTEGER, payload TEXT, times INTEGER DEFAULT 1
)"""
KEEP = """INSERT INTO messages (id, reaction, key, rank, position, ordinal, payload) VALUES (?, ?, ?, ?, ?, ?, ?)
          ON CONFLICT (id) DO UPDATE SET times = times + 1"""


def main() -> None:
    port, file = int(sys.argv[1]), sys.argv[2]
    kept = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    kept.execute("PRAGMA synchronous = off")  # killed, it has given it to the system; the machine goes on
    kept.execute(TABLE)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            event = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status = 410 if event["subject"].startswith("gone") else 204
            if status == 204:
                about = (event["source"], event["subject"], event["rewind"], event["position"], event["ordinal"])
                with lock:
                    kept.execute(KEEP, (self.headers["webhook-id"], *about, json.dumps(event["data"])))
            self.send_response(status)
            if status != 204:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: Any) -> None: ...  # a client that was killed

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
