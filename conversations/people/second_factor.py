"""Whether a second factor is required of somebody, and whether they have one."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from django.core.cache import cache
from django.db import OperationalError

from conversations.models import SiteSettings, User

# So long another process may go by what was set before.
POLICY_SECONDS = 5
FACTOR_SECONDS = 60


class Policy:
    """What the site's settings require, asked for once in a few seconds and not by each request."""

    def __init__(self) -> None:
        self._required, self._until = "", 0.0

    def forget(self, **_signal: Any) -> None:
        """Ask again at the next occasion."""
        self._until = 0.0

    def hold(self, required: str) -> None:
        """Go by this without asking."""
        self._required, self._until = required, float("inf")

    def required(self) -> str:
        """Nothing, "administrators" or "everyone"; while the database is away, what it was before."""
        if time.monotonic() >= self._until:
            with contextlib.suppress(OperationalError):
                rows = SiteSettings.objects.filter(pk=1).values_list("mfa_required", flat=True)
                self._required = rows.first() or ""
                self._until = time.monotonic() + POLICY_SECONDS
        return self._required


policy = Policy()


def is_required_of(person: User) -> bool:
    """Whether the policy asks this person for a second factor."""
    required = policy.required()
    return required == "everyone" or (required == "administrators" and person.is_staff)


def is_lacking(person: User) -> bool:
    """Whether the person has to set a second factor up before anything else."""
    return is_required_of(person) and not has_factor(person)


def has_factor(person: User) -> bool:
    """An authenticator app or a passkey; recovery codes alone are none."""
    from allauth.mfa.models import Authenticator

    key = _key(person.pk)
    if cache.get(key):
        return True
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    found = Authenticator.objects.filter(user_id=person.pk, type__in=kinds).exists()
    if found:
        cache.set(key, True, FACTOR_SECONDS)
    return found


def factor_changed(instance: Any, **_signal: Any) -> None:
    """Somebody added or removed a factor: what was remembered of them counts no more."""
    cache.delete(_key(instance.user_id))


def _key(pk: Any) -> str:
    return f"second-factor:{pk}"
