"""The audit log's pen: who did what to whom, from where. Never content, never a key."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest

from conversations.models import AuditEntry, User
from conversations.models.secret_field import SecretField


def record(
    action: str,
    *,
    subject: models.Model | None = None,
    request: HttpRequest | None = None,
    actor: User | None = None,
    name: str = "",
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Note one deed, in the transaction that does it.

    `action` is `kind.deed`, such as `provider.changed`; `detail` holds JSON values: figures, names,
    or `{"field": [before, after]}`. The actor is the request's person unless another is given; a job has
    none. `name` calls the subject where it can't do that itself any more.
    """
    if actor is None and request is not None and isinstance(request.user, User):
        actor = request.user
    return AuditEntry.objects.create(
        action=action,
        actor_id=actor.pk if actor else None,
        actor_name=actor.display_name if actor else "",
        subject_kind=(subject._meta.model_name or "") if subject is not None else "",
        subject_id=str(subject.pk or "") if subject is not None else "",
        subject_name=(name or _called(subject))[:200],
        address=_address(request),
        detail=detail or {},
    )


def changes(before: models.Model | None, after: models.Model) -> dict[str, list[Any]]:
    """`{"field": [before, after]}` of what differs; of a secret only that it does."""
    found: dict[str, list[Any]] = {}
    for field in after._meta.concrete_fields:
        old = getattr(before, field.attname) if before is not None else field.get_default()
        new = getattr(after, field.attname)
        if field.primary_key or isinstance(field, models.DateTimeField) or old == new:
            continue
        if isinstance(field, SecretField) or field.name == "password":
            found[field.name] = ["…" if old else "", "…" if new else ""]
        else:
            found[field.name] = [_plain(old), _plain(new)]
    return found


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | None | list | dict) else str(value)


def _called(subject: models.Model | None) -> str:
    if isinstance(subject, User):
        return subject.display_name
    return str(subject) if subject is not None else ""


def _address(request: HttpRequest | None) -> str:
    """Where a request came from, by the number of proxies that we trust."""
    if request is None:
        return ""
    try:
        return get_adapter(request).get_client_ip(request) or ""
    except PermissionDenied:  # the forwarded addresses don't fit the settings
        return request.META.get("REMOTE_ADDR", "")
