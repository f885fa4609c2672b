"""Progress: what a job does, as it does it, in streams and channels in Dragonfly. The only importer of redis.

Nothing that a job waits for may come in.
"""

from executor.progress.buffer import Line, Progress
from executor.progress.dragonfly import Reader, open_progress, open_reader

__all__ = ["Line", "Progress", "Reader", "open_progress", "open_reader"]
