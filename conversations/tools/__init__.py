"""Tools that a preset can name: what they are, how they are run, and the few that come with the house.

A tool may only look: none of these writes, calls out, or sees what its asker may not see.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.tools import calculator, clock, search
from conversations.tools.base import Asker, Result, Source, Spec, Toolbox, ToolError
from conversations.tools.lines import Told, call_line, result_line, told

BUILT_IN: Mapping[str, str | Promise] = {
    clock.SPEC.name: _("Date and time, in any time zone"),
    calculator.SPEC.name: _("Exact arithmetic with units"),
    search.SPEC.name: _("Search in the conversations of the person who asks"),
}
"""The names of the tools that come with the house, each with what it does."""


def built_in_toolbox() -> Toolbox:
    """A toolbox of the tools that come with the house."""
    return Toolbox([clock.Clock(), calculator.Calculator(), search.Search()])


__all__ = [
    "BUILT_IN",
    "Asker",
    "Result",
    "Source",
    "Spec",
    "Told",
    "ToolError",
    "Toolbox",
    "built_in_toolbox",
    "call_line",
    "result_line",
    "told",
]
