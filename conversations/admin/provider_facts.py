"""What a provider's pages tell of it: its key, its models and presets, what would go with it."""

from __future__ import annotations

from typing import Any

from django.db.models import F

from conversations.models import Alert, Budget, Preset, PresetModel, Price, Provider
from conversations.rotation import key_since


def presets_of(provider: Provider) -> list[Preset]:
    """The presets whose first model is this provider's, as they are now."""
    rows = PresetModel.objects.filter(
        position=0, version=F("version__preset__version"), model__provider=provider
    )
    offered = Preset.objects.of_administrators()
    return list(offered.filter(pk__in=rows.values("version__preset")).order_by("name"))


def head(provider: Provider) -> dict[str, Any]:
    """For the head of the provider's page."""
    return {
        "provider": provider,
        "since": key_since(provider) if provider.key else None,
        "overlap": provider.keys_overlap,
        "models": provider.models.filter(withdrawn=False).count(),
        "presets": presets_of(provider),
        "alerts": Alert.objects.filter(subject__startswith=str(provider.pk), closed_at=None),
    }


def goes_with(provider: Provider) -> dict[str, Any]:
    """What deleting the provider deletes too."""
    return {
        "models": provider.models.count(),
        "prices": Price.objects.filter(model__provider=provider).count(),
        "presets": presets_of(provider),
        "budgets": Budget.objects.filter(provider=provider).count(),
    }
