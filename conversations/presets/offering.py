"""Making models choosable: rows for models, prices and presets."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.db import transaction
from django.utils.text import slugify

from conversations.models import (
    NANOS,
    LanguageModel,
    Preset,
    PresetModel,
    PresetVersion,
    Price,
    Provider,
    User,
)
from conversations.providers.known import KNOWN

Prices = tuple[Decimal, Decimal]


@transaction.atomic
def offer_models(
    provider: Provider,
    models: Mapping[str, Prices | None],
    *,
    preset_name: str = "",
    description: str = "",
) -> list[Preset]:
    """Add these models (dollars per million tokens in and out) and a preset for each.

    What is there already stays; a changed price is a new price from now on.
    """
    presets = []
    for name, prices in models.items():
        model, _new = LanguageModel.objects.get_or_create(provider=provider, name=name)
        if prices is not None:
            _set_price(model, *prices)
        presets.append(preset_for(model, preset_name, description))
    return presets


def short_name(model: str) -> str:
    """What people call a model: its id without the owner's path."""
    return model.rstrip("/").rsplit("/", 1)[-1][:80]


def _set_price(model: LanguageModel, dollars_in: Decimal, dollars_out: Decimal) -> None:
    nanos = [int(dollars * NANOS) for dollars in (dollars_in, dollars_out)]
    now = model.price_at()
    if now and [now.input_nanos_per_million, now.output_nanos_per_million] == nanos:
        return
    Price.from_now(model, *nanos)


def add_known_models(provider: Provider) -> list[LanguageModel]:
    """The models that are known of a provider of this kind from the start, with their prices."""
    models = []
    for known in KNOWN.get(provider.kind, ()):
        model, _new = LanguageModel.objects.get_or_create(
            provider=provider,
            name=known.id,
            defaults={"context_tokens": known.context, "dtype": known.dtype, "lora": known.lora},
        )
        if known.price_in is not None and known.price_out is not None and not model.price_at():
            _set_price(model, known.price_in, known.price_out)
        models.append(model)
    return models


def preset_for(model: LanguageModel, name: str = "", description: str = "") -> Preset:
    """The preset that has this model first, or a new one, named after the model."""
    name = name or short_name(model.name)
    existing = Preset.objects.filter(
        owner=None, version__preset_models__model=model, version__preset_models__position=0
    ).first()
    if existing:
        return existing
    preset = Preset.objects.create(
        slug=free_slug(name),
        name=name,
        description=description,
        is_default=not Preset.objects.filter(is_default=True).exists(),
    )
    new_version(preset, [model])
    return preset


def free_slug(name: str) -> str:
    """The name as an address has it, with a number where another preset has it already."""
    base = slugify(name.replace(".", "-"))[:100] or "preset"
    slug, number = base, 2
    while Preset.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug


@transaction.atomic
def new_version(
    preset: Preset,
    models: list[LanguageModel],
    *,
    system_text: str = "",
    parameters: Mapping[str, object] | None = None,
    made_by: User | None = None,
) -> PresetVersion:
    """What the preset means from now on; old conversations keep what they had."""
    Preset.objects.select_for_update().get(pk=preset.pk)
    last = preset.versions.order_by("-number").first()
    version = PresetVersion.objects.create(
        preset=preset,
        number=last.number + 1 if last else 1,
        system_text=system_text,
        parameters=dict(parameters or {}),
        made_by_name=made_by.display_name if made_by else "",
    )
    PresetModel.objects.bulk_create(
        PresetModel(version=version, model=model, position=position)
        for position, model in enumerate(models)
    )
    preset.version = version
    preset.save(update_fields=["version"])
    return version
