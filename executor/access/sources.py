"""Where the keys of issuers lie: behind a URL, or in a file."""

import asyncio
from pathlib import Path

import httpx

from executor.errors import TryAgain

LARGEST = 256 << 10  # bytes
FETCH_SECONDS = 3.0


class UrlSource:
    """Keys behind a URL."""

    fresh_seconds = 300.0
    pause_seconds = 30.0

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.place = url
        self._client = client

    async def read(self) -> bytes:
        """What is there now; raises TryAgain. A redirect is not followed: whose keys these are is for us to say."""
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await self._fetched()
        except TimeoutError:
            raise TryAgain(f"no answer within {FETCH_SECONDS:.0f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TryAgain(str(error) or type(error).__name__) from None

    async def _fetched(self) -> bytes:
        async with self._client.stream("GET", self.place, headers={"accept-encoding": "identity"}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise TryAgain(f"answered {answer.status_code}")
            found = bytearray()
            async for chunk in answer.aiter_raw():  # unpacked it could be of any size
                found += chunk
                _check_size(found)
        return bytes(found)


class FileSource:
    """Keys in a file, which may be replaced at any time, as a kubelet replaces those of a ConfigMap."""

    fresh_seconds = 1.0
    pause_seconds = 1.0

    def __init__(self, path: str) -> None:
        self.place = path

    async def read(self) -> bytes:
        """What is there now; raises TryAgain."""
        try:
            return await asyncio.to_thread(self._content)
        except OSError as error:
            raise TryAgain(str(error.strerror)) from None

    def _content(self) -> bytes:
        with Path(self.place).open("rb") as file:
            found = file.read(LARGEST + 1)
        _check_size(found)
        return found


def _check_size(found: bytes | bytearray) -> None:
    if len(found) > LARGEST:
        raise TryAgain(f"larger than {LARGEST} bytes")
