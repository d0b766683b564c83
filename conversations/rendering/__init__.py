"""Markdown to safe HTML, whole (`render`) or while it is being written (`Growing`).

A tool's call is no Markdown: `render_part` and `growing_part` choose by a part's kind.

Builds on comrak, Pygments, latex2mathml and nh3 only: no database, no sockets, no Django.
"""

from .calls import GrowingCall, render_call
from .growing import Finished, Growing
from .json_answer import GrowingJson, render_json
from .markdown import RENDERER_VERSION, render

GrowingPart = Growing | GrowingCall | GrowingJson
GROWING: dict[str, type[GrowingCall | GrowingJson]] = {
    "tool_call": GrowingCall,
    "json": GrowingJson,
}
RENDERERS = {"tool_call": render_call, "json": render_json}


def growing_part(kind: str, prefix: str) -> GrowingPart:
    """What renders a part of this kind while it is written."""
    return GROWING.get(kind, Growing)(prefix)


def render_part(kind: str, text: str, prefix: str) -> str:
    """Return a whole part of this kind as safe HTML. Takes any text and never raises."""
    return RENDERERS.get(kind, render)(text, prefix)


__all__ = [
    "RENDERER_VERSION",
    "Finished",
    "Growing",
    "GrowingCall",
    "GrowingJson",
    "GrowingPart",
    "growing_part",
    "render",
    "render_part",
]
