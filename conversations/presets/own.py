"""What people do with presets of their own: make, change, remove. They are theirs alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from uuid import UUID

from django.db import models, transaction
from django.db.models import OuterRef
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from conversations.models import (
    Completion,
    LanguageModel,
    Preset,
    PresetModel,
    PresetVersion,
    User,
)
from conversations.models.presets import FORMER as FORMER_SLUG
from conversations.presets.versions import Meaning, save_meaning
from conversations.problems import Conflict, NotFound

MOST_OWN = 50


def open_models(person: User) -> models.QuerySet[LanguageModel]:
    """The models that administrators have opened to the person by any preset."""
    opened = PresetModel.objects.opened_to(person).filter(model=OuterRef("pk"))
    return LanguageModel.objects.filter(models.Exists(opened)).select_related("provider")


def one_of(person: User, pk: UUID) -> Preset:
    """The person's own preset, or `NotFound`."""
    preset = Preset.objects.owned_by(person).select_related("version").filter(pk=pk).first()
    if preset is None:
        raise NotFound
    return preset


@transaction.atomic
def create(person: User, about: Mapping[str, str], meaning: Meaning) -> Preset:
    """A new one; `about` has name, description and icon. Raises `Conflict` beyond the most."""
    User.objects.select_for_update().get(pk=person.pk)
    if Preset.objects.owned_by(person).count() >= MOST_OWN:
        raise Conflict(TOO_MANY % {"most": MOST_OWN}, code="too_many_presets")
    preset = Preset.objects.create(owner=person, slug=_slug(about["name"]), **about)
    save_meaning(preset, meaning, person)
    return preset


@transaction.atomic
def change(preset: Preset, about: Mapping[str, str], meaning: Meaning) -> PresetVersion | None:
    """What it is called and means from now on; the new version, if it means something else."""
    for name, value in about.items():
        setattr(preset, name, value)
    preset.save(update_fields=[*about])
    return save_meaning(preset, meaning, preset.owner)


@transaction.atomic
def remove(preset: Preset) -> None:
    """Take it away. Replies that it wrote keep their version, so its row stays, out of sight."""
    preset.enabled = False
    preset.save(update_fields=["enabled"])


def copied(person: User, pk: UUID) -> tuple[Preset, PresetVersion]:
    """A preset offered to the person with what of its version they may see: to begin a new one with.

    Raises `NotFound`. Models that aren't open to them are left out by the form.
    """
    rows = Preset.objects.visible_to(person).select_related("version")
    preset = rows.filter(pk=pk).first()
    if preset is None or preset.version is None:
        raise NotFound
    shown = preset.version
    if not preset.shows_instructions_to(person):
        shown.system_text = ""
    return preset, shown


@transaction.atomic
def forget(person: User) -> None:
    """Of somebody who leaves for good: what wrote no reply that stays is deleted, the rest emptied."""
    own = Preset.objects.filter(owner=person)
    used = Completion.objects.filter(preset_version__preset__in=own)
    kept = list(
        own.filter(pk__in=used.values("preset_version__preset")).values_list("pk", flat=True)
    )
    own.exclude(pk__in=kept).delete()
    PresetVersion.objects.filter(preset__in=kept).update(
        system_text="", parameters={}, made_by_name=""
    )
    for preset in Preset.objects.filter(pk__in=kept):
        preset.owner, preset.enabled, preset.for_everyone = None, False, False
        preset.name, preset.description, preset.icon = str(FORMER), "", ""
        preset.slug = f"{FORMER_SLUG}{preset.pk.hex}"
        preset.save()


def _slug(name: str) -> str:
    """Of no other's: two people may call theirs alike, without hearing of it."""
    return f"{slugify(name)[:60] or 'preset'}-{secrets.token_hex(4)}"


FORMER = _("A former member’s preset")
TOO_MANY = _("You have %(most)d presets of your own, which is the most. Remove one first.")
