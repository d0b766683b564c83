"""Live: who watches which conversation here, and what they are shown."""

from conversations.live.copies import Snapshot
from conversations.live.hub import Hub
from conversations.live.viewers import Viewer

__all__ = ["Hub", "Snapshot", "Viewer"]
