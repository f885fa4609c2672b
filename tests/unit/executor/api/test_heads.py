"""What a connection may send before it has made a request of it, byte by byte over a real socket."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn

from executor.api.heads import LARGEST, BoundedHeads
from executor.api.server import Server, listening
from executor.embedded.loopback import HOST

pytestmark = pytest.mark.anyio

POST = b"POST / HTTP/1.1\r\nhost: here\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
ENDLESS = {
    "line": b"GET /",
    "field": b"GET / HTTP/1.1\r\nhost: here\r\nx: ",
    "name of a field": b"GET / HTTP/1.1\r\nhost: here\r\nx",
}


async def echo(scope, receive, send):
    """Answers with the path, how many fields there were, and how long the body was."""
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length, more = length + len(message["body"]), message["more_body"]
    body = f"{scope['path'][:8]} {len(scope['headers'])} {length}".encode()
    fields = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def place():
    """A server as ours is."""
    with listening(0) as listener:
        config = uvicorn.Config(
            echo, http=BoundedHeads, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        yield HOST, listener.getsockname()[1]
        server.should_exit = True
        await serving


@asynccontextmanager
async def connected(place):
    reader, writer = await asyncio.open_connection(*place)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def answers(place, *pieces):
    """The status and the body of each answer to what is sent, to the end of the connection; each piece goes alone."""
    async with connected(place) as (reader, writer):
        with suppress(OSError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        return [found async for found in told(reader)]


async def told(reader):
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            yield int(head.split()[1]), (await reader.readexactly(length)).decode()


def field(size):
    return b"x: " + b"x" * (size - 5) + b"\r\n"


def closing(head):
    return head + b"connection: close\r\n\r\n"


async def test_a_head_of_almost_64_kib_is_taken_also_byte_by_byte(place):
    head = closing(POST + field(LARGEST - 100))
    assert await answers(place, head) == [(200, "/ 3 0")]
    assert await answers(place, head[:1000], *(bytes([each]) for each in head[1000:2000]), head[2000:]) == [
        (200, "/ 3 0")
    ]


@pytest.mark.parametrize("size", [20, 1000, LARGEST, 10 * LARGEST])
@pytest.mark.parametrize("part", ENDLESS)
async def test_what_does_not_end_is_refused_after_64_kib_in_whatever_pieces_it_comes(place, part, size):
    many = [b"x" * size] * max(2 * LARGEST // size, 1)
    assert await answers(place, ENDLESS[part], *many) in ([], [(431, "The head is over 64 KiB.\r\n")])


async def test_a_head_of_many_small_fields_is_refused_when_it_is_too_large(place):
    async with connected(place) as (reader, writer):
        writer.write(POST)
        for _ in range(LARGEST // 100 + 1):
            writer.write(field(100))
        assert [found async for found in told(reader)] in ([], [(431, "The head is over 64 KiB.\r\n")])


async def test_who_has_sent_a_little_too_much_is_told(place):
    head = POST + field(LARGEST)
    assert await answers(place, head[:LARGEST]) == [(431, "The head is over 64 KiB.\r\n")]


@pytest.mark.parametrize("size", [1, 3000, LARGEST])
async def test_a_body_of_any_size_is_taken_in_pieces_of_any_size(place, size):
    length = 3000 if size == 1 else 60 * 3000 if size == 3000 else 3 * size
    head = closing(POST + f"content-length: {length}\r\n".encode())
    assert await answers(place, head, *[b"x" * size] * (length // size)) == [(200, f"/ 3 {length}")]


async def test_chunks_are_taken_as_long_as_they_hold_something(place):
    chunks = [b"1\r\nx\r\n"] * (LARGEST // 5), b"0\r\n\r\n"
    async with connected(place) as (reader, writer):
        writer.write(CHUNKED + b"".join(chunks[0]) + chunks[1])
        writer.write(closing(POST))
        assert [found async for found in told(reader)] == [(200, f"/ 2 {LARGEST // 5}"), (200, "/ 2 0")]


@pytest.mark.parametrize("piece", [b"x: y\r\n", b"x" * 1000], ids=["fields", "a field"])
async def test_trailers_that_do_not_end_end_the_connection(place, piece):
    begin = CHUNKED + b"1\r\nx\r\n0\r\n" + (b"x: " if piece.startswith(b"xx") else b"")
    assert await answers(place, begin, *[piece] * (3 * LARGEST // len(piece))) == []


async def test_requests_one_after_the_other_each_begin_anew(place):
    one = POST + field(LARGEST // 2) + b"content-length: 5\r\n\r\nhello"
    last = closing(POST)
    assert await answers(place, one * 9 + last) == [(200, "/ 3 5")] * 9 + [(200, "/ 2 0")]
    assert await answers(place, *[one] * 9, last) == [(200, "/ 3 5")] * 9 + [(200, "/ 2 0")]


@pytest.mark.parametrize("apart", [False, True])
async def test_who_offers_another_protocol_is_answered_in_this_one(place, apart):
    """As Java's client does with each first request, also where that has a body."""
    head = (
        POST + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\ncontent-length: 5\r\n\r\n"
    )
    pieces = [head, b"hel", b"lo", closing(POST)] if apart else [head + b"hello" + closing(POST)]
    assert await answers(place, *pieces) == [(200, "/ 5 5"), (200, "/ 2 0")]


async def test_an_offer_made_before_the_last_answer_ends_the_connection_after_it(place):
    offer = POST + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\nhello"
    assert await answers(place, POST + b"\r\n" + offer) == [(200, "/ 1 0")]


@pytest.mark.parametrize(
    "bad", [b"nonsense\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nx y: z\r\n\r\n"]
)
async def test_what_is_no_request_is_a_400(place, bad):
    [(status, _)] = await answers(place, bad)
    assert status == 400
