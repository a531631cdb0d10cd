"""A receiver of webhooks in a process of its own: `python -m tests.bench.reacting.receiver`, which prints its port.

It answers POST with 204 and remembers when each user's message came; GET gives that as JSON.
"""

import asyncio
import json
import sys
import time

ARRIVALS: dict[str, float] = {}


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, request by request."""
    while head := await _head(reader):
        method, length = head
        body = await reader.readexactly(length)
        if method == "POST":
            ARRIVALS.setdefault(json.loads(body)["data"]["user"], time.time())
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        else:
            text = json.dumps(ARRIVALS).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(text), text))
        await writer.drain()
    writer.close()


async def _head(reader: asyncio.StreamReader) -> tuple[str, int] | None:
    try:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None  # the client has ended
    lengths = [line.partition(":")[2] for line in lines if line.lower().startswith("content-length:")]
    return lines[0].partition(" ")[0], int(lengths[0]) if lengths else 0


async def main() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
