"""The administration's widgets for a preset's form."""

from __future__ import annotations

from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.presets.fields import Kit, fields_of
from conversations.presets.forms import VersionForm

KIT = Kit(
    text=UnfoldAdminTextInputWidget,
    area=UnfoldAdminTextareaWidget,
    select=UnfoldAdminSelectWidget,
    ticks=UnfoldAdminCheckboxSelectMultipleWidget,
)
FieldsForm: type[VersionForm] = type("FieldsForm", (VersionForm,), fields_of(KIT))  # type: ignore[arg-type]
