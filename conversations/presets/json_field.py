"""JSON in forms: what is typed, checked for what every database can keep."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

MOST_JSON_BYTES, MOST_JSON_DEPTH = 65_536, 50
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class Json(forms.JSONField):
    """A JSON value as people read it; an empty field for none. What no database keeps is refused."""

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and len(value.encode(errors="replace")) > MOST_JSON_BYTES:
            raise ValidationError(_("It is too long: at most 64 KiB."))
        try:
            found = super().to_python(value)
        except (RecursionError, ValueError):
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        if not is_storable(found):
            raise ValidationError(_("It has characters or numbers that can’t be stored."))
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        """As it was written, whatever that was."""
        return initial if self.disabled or data is None else InvalidJSONInput(data)

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, str):
            return value
        return json.dumps(value, indent=2, ensure_ascii=False)


def is_storable(value: Any) -> bool:
    """Whether every database keeps this: no U+0000, no half of a character, nothing endless."""
    level = [value]
    for _depth in range(MOST_JSON_DEPTH):
        if not level:
            return True
        if not all(map(_is_plain, level)):
            return False
        within = (one for one in level if isinstance(one, dict | list))
        level = [part for one in within for part in _parts(one)]
    return False


def _parts(value: Any) -> list[Any]:
    return [*value, *value.values()] if isinstance(value, dict) else value


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, str) or UNSTORABLE.search(value) is None
