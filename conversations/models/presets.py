"""What people choose from: a model with instructions and parameters, in immutable versions."""

from __future__ import annotations

import json
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from conversations.models.base import is_uuid, new_id
from conversations.models.people import Capability, Team, User
from conversations.models.prepared import Prepared
from conversations.models.providers import LanguageModel

# How the slug of a preset begins whose owner has left for good.
FORMER = "former-"


class PresetQuerySet(models.QuerySet["Preset"]):
    def visible_to(self, user: User) -> PresetQuerySet:
        """Presets that `user` may choose: the offered ones whose provider is open."""
        first = PresetModel.objects.offered_to(user)
        return self.filter(pk__in=first.values("version__preset"))

    def owned_by(self, user: User) -> PresetQuerySet:
        """The person's own ones, also those whose model isn't open to them any more."""
        return self.filter(owner=user, enabled=True)

    def of_administrators(self) -> PresetQuerySet:
        """Those that administrators offer; people's own are nobody else's affair, also afterwards."""
        return self.filter(owner=None).exclude(slug__startswith=FORMER)


class PresetModelQuerySet(models.QuerySet["PresetModel"]):
    def offered_to(self, user: User) -> PresetModelQuerySet:
        """The first models of the presets' present versions, as far as `user` may choose them.

        The default comes first, a person's own come last.
        """
        return (
            self.filter(position=0, version=F("version__preset__version"))
            .callable_by(user)
            .order_by(
                "-version__preset__is_default",
                F("version__preset__owner").asc(nulls_first=True),
                "version__preset__order",
                "version__preset__name",
            )
        )

    def callable_by(self, user: User) -> PresetModelQuerySet:
        """Those, of any version and place, that may be called for `user` now.

        Of their own presets those whose model administrators have opened to them.
        """
        by_administrators = Q(version__preset__owner=None) & _named(user)
        if not settings.OWN_PRESETS:
            return self._in_use().filter(by_administrators)
        opened = PresetModel.objects.opened_to(user).filter(model=OuterRef("model"))
        own = Q(Q(version__preset__owner=user), Exists(opened))
        return self._in_use().filter(by_administrators | own)

    def opened_to(self, user: User) -> PresetModelQuerySet:
        """What administrators have opened to `user`: all models of their presets' present versions."""
        return (
            self._in_use()
            .filter(version=F("version__preset__version"), version__preset__owner=None)
            .filter(_named(user))
        )

    def _in_use(self) -> PresetModelQuerySet:
        return self.filter(
            version__preset__enabled=True, model__withdrawn=False, model__provider__enabled=True
        )

    def chosen_by(self, user: User, name: str) -> PresetModel | None:
        """The first model of the preset with this slug or id, or of the default; None: not offered."""
        if not name:
            return BY_DEFAULT.first(user=user.pk)
        if is_uuid(name):
            return BY_ID.first(user=user.pk, preset=UUID(name))
        return BY_SLUG.first(user=user.pk, slug=name)


def _named(user: User) -> Q:
    """An administrators' preset is for everyone, or for `user` by name or by team."""
    preset = OuterRef("version__preset")
    people, teams = Preset.for_people.through, Preset.for_teams.through
    by_name = people._default_manager.filter(preset=preset, user=user)
    by_team = teams._default_manager.filter(preset=preset, team__membership__user=user)
    named = Q(Exists(by_name)) | Q(Exists(by_team))
    return Q(version__preset__for_everyone=True) | named


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

    def shows_instructions_to(self, user: User) -> bool:
        """To whoever owns it; of an administrators' preset, to those who manage presets."""
        if self.owner_id is not None:
            return self.owner_id == user.pk
        return user.may(Capability.PROVIDERS)


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
        """As they are written, with their placeholders."""
        return self.instructions_with(self.system_text)

    def instructions_with(self, system_text: str) -> str:
        """This text; with it the schema, where the provider isn't told that otherwise."""
        schema = self.parameters.get("json_schema")
        if not schema or self.parameters.get("response_format") != "json_object":
            return system_text
        told = json.dumps(schema, ensure_ascii=False)
        return f"{system_text}\n\nAnswer with JSON that fits this JSON schema: {told}".strip()


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
# What may be called of a version, in its order: asked again when its completion is taken up.
CALLABLE = Prepared(
    lambda version, user: (
        PresetModel.objects.filter(version=version)
        .callable_by(User(pk=user))
        .select_related("model__provider")
        .order_by("position")
    ),
    version=UUID,
    user=UUID,
)
