"""Markdown to safe HTML, whole (`render`) or while it is being written (`Growing`).

Builds on comrak, Pygments, latex2mathml and nh3 only: no database, no sockets, no Django.
"""

from .growing import Finished, Growing
from .markdown import RENDERER_VERSION, render

__all__ = ["RENDERER_VERSION", "Finished", "Growing", "render"]
