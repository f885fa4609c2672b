"""What a job does, as it does it: streams and channels in Dragonfly."""

from executor.progress.buffer import Line, Progress
from executor.progress.dragonfly import Reader, open_progress, open_reader

__all__ = ["Line", "Progress", "Reader", "open_progress", "open_reader"]
