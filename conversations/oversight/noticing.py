"""What calls tell of their provider, as alerts: it fails, it refuses our key, it answers again.

The engine says how each call ended and doesn't wait; what has to be written is written by others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Alert, Provider
from conversations.oversight.alerting import close_alert, raise_alert

if TYPE_CHECKING:
    from conversations.engine.jobs import Target
    from conversations.providers.errors import ProviderError

# What says that our key isn't good: at all, or for one model.
REFUSED, FORBIDDEN = "auth", "forbidden"
# How often at most a process says of a model that it answers, and of a key that it is refused.
QUIET_SECONDS = 60.0
KEY_REFUSED, FAILING = Alert.Kind.KEY_REFUSED, Alert.Kind.PROVIDER_FAILING

Later = Callable[..., Any]


class Noticing:
    """Turns the ends of calls into alerts. `later` has a function called in a thread of the database."""

    def __init__(self, later: Later, now: Callable[[], float] = time.monotonic) -> None:
        self._later = later
        self._now = now
        self._said: dict[Hashable, float] = {}

    def rests(self, key: Hashable, name: str, trouble: ProviderError) -> None:
        """A model failed so often that it is left alone; `key` is its provider's id and its own."""
        assert isinstance(key, tuple)
        provider, model = key
        self._said.pop((key, True), None)
        self._later(fails, provider, model, name, trouble.sentence)

    def called(self, target: Target, trouble: ProviderError | None) -> None:
        """A call ended."""
        provider = target.provider
        key = (provider.pk, target.model)
        if trouble is None:
            if self._is_news((key, True)):
                self._later(answers, provider, target.model)
        elif trouble.code in (REFUSED, FORBIDDEN) and self._is_news((key, trouble.code)):
            self._said.pop((key, True), None)
            self._later(refuses, provider, target.model, target.model_name, trouble)

    def new_key_refused(self, provider: Provider, trouble: ProviderError) -> None:
        """While two keys overlap: the new one isn't taken, the one before is asked instead."""
        if self._is_news((provider.pk, "new key")):
            self._later(refuses_new_key, provider, trouble)

    def new_key_taken(self, provider: Provider) -> None:
        """While two keys overlap: the new one works."""
        self._said.pop((provider.pk, "new key"), None)
        if self._is_news((provider.pk, "taken")):
            self._later(close, KEY_REFUSED, subject_of(provider.pk))

    def _is_news(self, what: Hashable) -> bool:
        """Whether this wasn't said a moment ago."""
        now = self._now()
        if now - self._said.get(what, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._said[what] = now
        return True


def subject_of(provider: UUID, model: UUID | None = None) -> str:
    """What an alert is about: a provider, or one of its models."""
    return f"{provider}:{model}" if model else str(provider)


def fails(provider: UUID, model: UUID, name: str, sentence: str) -> None:
    """The breaker opened."""
    row = Provider.objects.filter(pk=provider).values_list("name", flat=True).first()
    raise_alert(FAILING, subject_of(provider, model), f"{row or _('a provider')}: {name}", sentence)


def refuses(provider: Provider, model: UUID, model_name: str, trouble: ProviderError) -> None:
    """The provider doesn't take the key: at all, or for this model."""
    for_model = trouble.code == FORBIDDEN
    raise_alert(
        KEY_REFUSED,
        subject_of(provider.pk, model if for_model else None),
        f"{provider.name}: {model_name}" if for_model else provider.name,
        _("The key ending in %(hint)s: %(sentence)s%(status)s")
        % {
            "hint": provider.key.hint or "–",
            "sentence": trouble.sentence,
            "status": f" (HTTP {trouble.status})" if trouble.status else "",
        },
    )


def refuses_new_key(provider: Provider, trouble: ProviderError) -> None:
    """The key before still carries the calls, for a while."""
    until = provider.old_key_until
    raise_alert(
        KEY_REFUSED,
        subject_of(provider.pk),
        provider.name,
        _(
            "The new key, ending in %(new)s, is refused: %(sentence)s Until %(until)s the key before,"
            " ending in %(old)s, is used instead."
        )
        % {
            "new": provider.key.hint,
            "old": provider.old_key.hint,
            "sentence": trouble.sentence,
            "until": f"{timezone.localtime(until):%Y-%m-%d %H:%M}" if until else "–",
        },
    )


def answers(provider: Provider, model: UUID) -> None:
    """A call went well: what was said of the model, and of the key that it was made with, is over."""
    close(FAILING, subject_of(provider.pk, model))
    close(KEY_REFUSED, subject_of(provider.pk, model))
    if not provider.keys_overlap:  # otherwise this call may have been made with the other key
        close(KEY_REFUSED, subject_of(provider.pk))


def forget(provider: UUID, by: str = "") -> None:
    """Nobody calls the provider any more: whatever was said of it is over."""
    rows = Alert.objects.filter(kind__in=(KEY_REFUSED, FAILING), closed_at=None)
    rows = rows.filter(subject__startswith=str(provider))
    rows.update(closed_at=timezone.now(), closed_by=by)


def close(kind: str, subject: str) -> None:
    """Close an alert if it is open: looking costs less than writing."""
    if Alert.objects.filter(kind=kind, subject=subject, closed_at=None).exists():
        close_alert(kind, subject)
