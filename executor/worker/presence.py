"""Presence: this pod is alive and knows these fields of a job's data, as long as it says so."""

import asyncio
from collections.abc import Collection
from typing import Protocol

import structlog

from executor.errors import TryAgain

log = structlog.get_logger()

BEAT_SECONDS = 15.0  # a fourth of what makes a pod count as gone


class SeenPods(Protocol):
    """Where it is said; every method raises TryAgain."""

    async def seen(self, pod: str, version: str, features: Collection[str]) -> None:
        """The pod is alive."""

    async def gone(self, pod: str) -> None:
        """It is not any more."""


class Presence:
    """Of one pod."""

    def __init__(self, pods: SeenPods, pod: str, version: str, features: Collection[str]) -> None:
        self._pods = pods
        self._pod = pod
        self._version = version
        self._features = features

    async def keep(self) -> None:
        """Say it for ever."""
        while True:
            try:
                await self._pods.seen(self._pod, self._version, self._features)
            except TryAgain as error:
                log.warning("not said to be alive", error=str(error))
            await asyncio.sleep(BEAT_SECONDS)

    async def end(self) -> None:
        """Say that it ends; who does not hear it counts the pod as gone in a minute."""
        try:
            await self._pods.gone(self._pod)
        except TryAgain as error:
            log.warning("not said to be gone", error=str(error))
