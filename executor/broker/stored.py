"""A message that is read from its place in a stream."""

from email.header import Header, decode_header

from nats.js.api import RawStreamMsg


def headers_of(message: RawStreamMsg) -> dict[str, str]:
    """Its headers as they were sent: nats-py reads them as those of an e-mail, where only ASCII is text."""
    return {name: _text(value) for name, value in (message.headers or {}).items()}


def _text(value: str | Header) -> str:
    if isinstance(value, str):
        return value
    return b"".join(part if isinstance(part, bytes) else part.encode() for part, _ in decode_header(value)).decode(
        errors="replace"
    )
