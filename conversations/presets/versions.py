"""What a preset's versions mean, how they differ, and how one comes back."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from conversations.models import LanguageModel, Preset, PresetVersion, User
from conversations.presets.offering import new_version
from conversations.problems import Invalid
from conversations.providers.checking import EXTRA
from conversations.providers.matrix import FIELDS


@dataclass(frozen=True)
class Meaning:
    """All that a version says: its models in order, instructions, parameters."""

    models: list[LanguageModel]
    system_text: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """One field of two versions; of instructions instead the lines that differ, marked + or -."""

    name: str
    before: str = ""
    after: str = ""
    lines: list[tuple[str, str]] = field(default_factory=list)


def meaning_of(version: PresetVersion) -> Meaning:
    rows = version.preset_models.all()
    return Meaning([row.model for row in rows], version.system_text, version.parameters)


def save_meaning(preset: Preset, meaning: Meaning, by: User | None) -> PresetVersion | None:
    """A new version where anything changed; None where nothing did."""
    if preset.version is not None and meaning_of(preset.version) == meaning:
        return None
    return new_version(
        preset,
        meaning.models,
        system_text=meaning.system_text,
        parameters=meaning.parameters,
        made_by=by,
    )


def restore(preset: Preset, number: int, by: User) -> PresetVersion | None:
    """Have an old version's meaning again, as a new version; None where it is the present one's.

    Raises `Invalid` where a model of it is gone.
    """
    rows = preset.versions.prefetch_related("preset_models__model")
    old = rows.filter(number=number).first()
    if old is None:
        raise Invalid(_("There is no such version."))
    meaning = meaning_of(old)
    gone = [model.name for model in meaning.models if model.withdrawn]
    if gone or not meaning.models:
        raise Invalid(_("Its model isn’t offered any more: %s") % (", ".join(gone) or "–"))
    return save_meaning(preset, meaning, by)


def history(preset: Preset) -> list[tuple[PresetVersion, list[Difference] | None]]:
    """The versions, newest first, each with what changed against the one before; None: the first."""
    rows = preset.versions.order_by("number").prefetch_related("preset_models__model__provider")
    found: list[tuple[PresetVersion, list[Difference] | None]] = []
    before: PresetVersion | None = None
    for version in rows:
        found.append((version, list(differences(before, version)) if before else None))
        before = version
    return found[::-1]


def differences(before: PresetVersion, after: PresetVersion) -> Iterator[Difference]:
    """What changed, field by field, in the form's order."""
    old, new = meaning_of(before), meaning_of(after)
    for name, left, right in (
        (_("Model"), old.models[:1], new.models[:1]),
        (_("Fallbacks"), old.models[1:], new.models[1:]),
    ):
        if left != right:
            yield Difference(name, _listed(left), _listed(right))
    if old.system_text != new.system_text:
        lines = list(_lines(old.system_text, new.system_text))
        yield Difference(_("Instructions"), lines=lines)
    yield from _changed_parameters(old.parameters, new.parameters)


def _changed_parameters(old: dict[str, Any], new: dict[str, Any]) -> Iterator[Difference]:
    known = [*FIELDS, "tools", EXTRA]
    names = sorted({*old, *new}, key=lambda name: (name not in known, [*known, name].index(name)))
    for name in names:
        if old.get(name) != new.get(name):
            yield Difference(_called(name), _told(old.get(name)), _told(new.get(name)))


def _called(name: str) -> str:
    if name in FIELDS:
        return FIELDS[name].label
    return {"tools": _("Tools"), EXTRA: _("Extra body")}.get(name, name)


def _told(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, indent=1)
    return "" if value is None else json.dumps(value, ensure_ascii=False).strip('"')


def _listed(models: list[LanguageModel]) -> str:
    return ", ".join(map(str, models))


def _lines(old: str, new: str) -> Iterator[tuple[str, str]]:
    """The lines that differ with two around them: (mark, text), the mark +, -, a blank, or … for a gap."""
    before, after = (text.split("\n") if text else [] for text in (old, new))
    told = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    for place, line in enumerate(told):
        if not line.startswith("@@"):
            yield line[:1], line[1:]
        elif place or not line.startswith(("@@ -0", "@@ -1 ", "@@ -1,")):
            yield "…", ""
