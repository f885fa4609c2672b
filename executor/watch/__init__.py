"""Watching: one reader for all threads that somebody watches here, whose entries go to all who do.

Nothing that a job waits for may come in, and no client library.
"""

from executor.watch.follower import Follower
from executor.watch.watcher import Watcher
from executor.watch.watches import Watches

__all__ = ["Follower", "Watcher", "Watches"]
