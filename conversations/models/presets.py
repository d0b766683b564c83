"""What people choose from: a model with instructions and parameters, in immutable versions."""

from __future__ import annotations

import json
from typing import ClassVar
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from conversations.models.base import is_uuid, new_id
from conversations.models.people import Team, User
from conversations.models.prepared import Prepared
from conversations.models.providers import LanguageModel


class PresetQuerySet(models.QuerySet["Preset"]):
    def visible_to(self, user: User) -> PresetQuerySet:
        """Presets that `user` may choose: the offered ones whose provider is open."""
        first = PresetModel.objects.offered_to(user)
        return self.filter(pk__in=first.values("version__preset"))


class PresetModelQuerySet(models.QuerySet["PresetModel"]):
    def offered_to(self, user: User) -> PresetModelQuerySet:
        """The first models of the presets' present versions, as far as `user` may choose them."""
        return self.filter(
            position=0,
            version=models.F("version__preset__version"),
            version__preset__enabled=True,
            model__withdrawn=False,
            model__provider__enabled=True,
        ).order_by(
            "-version__preset__is_default", "version__preset__order", "version__preset__name"
        )

    def chosen_by(self, user: User, name: str) -> PresetModel | None:
        """The first model of the preset with this slug or id, or of the default; None: not offered."""
        if not name:
            return BY_DEFAULT.first(user=user.pk)
        if is_uuid(name):
            return BY_ID.first(user=user.pk, preset=UUID(name))
        return BY_SLUG.first(user=user.pk, slug=name)


class Preset(models.Model):
    """A named choice; `version` is what it means today."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(_("slug"), max_length=120, unique=True)
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=200, blank=True)
    enabled = models.BooleanField(_("offered"), default=True)
    icon = models.CharField(_("icon"), max_length=30, blank=True)
    # Null: offered by the administrators. Otherwise a person's own, for them alone.
    owner = models.ForeignKey(
        User, models.CASCADE, null=True, blank=True, related_name="presets", verbose_name=_("owner")
    )
    for_everyone = models.BooleanField(_("for everyone"), default=True)
    for_teams = models.ManyToManyField(
        Team, blank=True, related_name="+", verbose_name=_("for teams")
    )
    for_people = models.ManyToManyField(
        User, blank=True, related_name="+", verbose_name=_("for people")
    )
    order = models.IntegerField(_("order"), default=0)
    is_default = models.BooleanField(_("chosen unless another is"), default=False)
    writes_titles = models.BooleanField(_("writes conversation titles"), default=False)
    version = models.ForeignKey(
        "PresetVersion", models.RESTRICT, null=True, editable=False, related_name="+"
    )

    objects = PresetQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-is_default", "order", "name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="preset_one_default",
            ),
            models.UniqueConstraint(
                fields=["writes_titles"],
                condition=models.Q(writes_titles=True),
                name="preset_one_writes_titles",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PresetVersion(models.Model):
    """What a preset meant at a time: never changed, so that an old answer can say who wrote it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    preset = models.ForeignKey(Preset, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    system_text = models.TextField(_("instructions"), blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    language_models = models.ManyToManyField(LanguageModel, through="PresetModel")
    created_at = models.DateTimeField(auto_now_add=True)
    made_by_name = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["preset", "number"], name="preset_version_unique")
        ]

    def __str__(self) -> str:
        return f"{self.preset} v{self.number}"

    @property
    def instructions(self) -> str:
        """The system text; with it the schema, where the provider isn't told that otherwise."""
        schema = self.parameters.get("json_schema")
        if not schema or self.parameters.get("response_format") != "json_object":
            return self.system_text
        told = json.dumps(schema, ensure_ascii=False)
        return f"{self.system_text}\n\nAnswer with JSON that fits this JSON schema: {told}".strip()


class PresetModel(models.Model):
    """The models of a version in order: the first, then the ones to fall back to."""

    version = models.ForeignKey(PresetVersion, models.CASCADE, related_name="preset_models")
    model = models.ForeignKey(LanguageModel, models.CASCADE)
    position = models.PositiveSmallIntegerField(default=0)

    objects = PresetModelQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "position"], name="preset_model_unique")
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.model}"


def _offered(user: UUID) -> PresetModelQuerySet:
    offered = PresetModel.objects.offered_to(User(pk=user))
    return offered.select_related("version__preset", "model__provider")


BY_DEFAULT = Prepared(lambda user: _offered(user)[:1], user=UUID)
BY_ID = Prepared(
    lambda user, preset: _offered(user).filter(version__preset=preset), user=UUID, preset=UUID
)
BY_SLUG = Prepared(
    lambda user, slug: _offered(user).filter(version__preset__slug=slug), user=UUID, slug=str
)
