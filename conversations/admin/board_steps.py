"""The first steps of a new site, in words, each with the page that takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from conversations.models import Capability, User
from conversations.oversight import attention


def steps(user: User) -> list[dict[str, Any]]:
    """The first steps, until all are done; only those that the administrator may take."""
    found = attention.first_steps(user)
    if all(step.done for step in found):
        return []
    told = [(step, WORDS[step.name]()) for step in found]
    return [words | {"done": step.done} for step, words in told if user.may(words["capability"])]


WORDS: dict[str, Callable[[], dict[str, Any]]] = {
    "provider": lambda: {
        "title": _("Add a provider"),
        "text": _("A service or a server of your own that runs models, with its key."),
        "link": reverse("admin:conversations_provider_add"),
        "capability": Capability.PROVIDERS,
    },
    "preset": lambda: {
        "title": _("Offer a preset"),
        "text": _("What people choose from: a model with your instructions."),
        "link": reverse("admin:conversations_preset_add"),
        "capability": Capability.PROVIDERS,
    },
    "invite": lambda: {
        "title": _("Invite somebody"),
        "text": _("By a link that lets one person in, once."),
        "link": reverse("admin:conversations_onetimelink_add"),
        "capability": Capability.PEOPLE,
    },
    "budget": lambda: {
        "title": _("Set a budget"),
        "text": _("The most that the site or each person may spend in a month."),
        "link": reverse("admin:conversations_budget_add"),
        "capability": Capability.SPEND,
    },
}
