"""HTTP/1.1 as httptools reads it, with a bound on what it holds before a request is one: it has none of its own."""

import httptools
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

LARGEST = 64 * 1024  # bytes
REFUSAL = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 26\r\nconnection: close\r\n\r\n"
    b"The head is over 64 KiB.\r\n"
)


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection that has sent 64 KiB which came to nothing: to no whole head, no part of a body, no end of one.

    So neither a line nor a field, a trailer or a chunk's extension grows beyond that, however slowly it comes.
    """

    _came_to_something = False
    _held = 0

    def data_received(self, data: bytes) -> None:
        """Bytes from the client, whole heads among them or not."""
        self._unset_keepalive_if_required()
        for begin in range(0, len(data), LARGEST):
            piece = data[begin : begin + LARGEST]
            self._came_to_something = False
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                return self._hand_over(data[begin + upgrade.args[0] :])
            except httptools.HttpParserError:
                return self.send_400_response("Invalid HTTP request received.")
            self._held = 0 if self._came_to_something else self._held + len(piece)
            if self._held >= LARGEST:
                return self._refuse()
        return None

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._came_to_something = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._came_to_something = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A body is whole."""
        self._came_to_something = True
        super().on_message_complete()

    def _refuse(self) -> None:
        if not self._is_answering():  # else it would stand within that answer
            self.transport.write(REFUSAL)
        self.transport.close()

    def _is_answering(self) -> bool:
        last: RequestResponseCycle | None = self.cycle  # none yet, whatever uvicorn's annotation says
        return last is not None and not last.response_complete

    def _should_upgrade(self) -> bool:
        """Whoever offers another protocol is not answered here: see below."""
        return True

    def _hand_over(self, rest: bytes) -> None:
        """Let h11 go on, to which the offer of another protocol is a field as any: httptools would drop the body.

        Java's client makes one (h2c) with each first request.
        """
        if self._is_answering():
            self.cycle.keep_alive = False  # a request sent ahead of its turn is not answered
            return
        self.connections.discard(self)
        line = b" ".join([self.scope["method"].encode(), self.url, b"HTTP/" + self.parser.get_http_version().encode()])
        fields = (name + b": " + value for name, value in self.headers)
        h11 = H11Protocol(self.config, self.server_state, self.app_state)
        h11.connection_made(self.transport)
        self.transport.set_protocol(h11)
        h11.data_received(b"\r\n".join([line, *fields, b"", rest]))
