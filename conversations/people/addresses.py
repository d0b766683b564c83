"""E-mail addresses as django-allauth keeps them, beside the person's own field."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import Q

from conversations.models import User


@transaction.atomic
def trust(person: User, email: str) -> None:
    """It counts as confirmed, and is the person's only one; nobody else waits for it any more."""
    email = email.lower()
    EmailAddress.objects.filter(user=person).delete()
    dismiss_claims(email)
    if email:
        EmailAddress.objects.create(user=person, email=email, primary=True, verified=True)


def dismiss_claims(email: str) -> None:
    """Whoever only said that the address is theirs doesn't have it; a person's main one stays."""
    rows = EmailAddress.objects.filter(email__iexact=email, verified=False)
    rows.exclude(user__email__iexact=email).delete()


def owner_of(email: str) -> User | None:
    """Who has confirmed the address, or else whose main one it is; never who merely claims it."""
    row = EmailAddress.objects.filter(email__iexact=email, verified=True).first()
    if row is not None:
        return User.objects.get(pk=row.user_id)
    return User.objects.filter(email__iexact=email).first() if email else None


def is_taken(email: str, but: User | None = None) -> bool:
    """Whether somebody else has it, confirmed or as their main one."""
    confirmed = Q(emailaddress__email__iexact=email, emailaddress__verified=True)
    rows = User.objects.filter(Q(email__iexact=email) | confirmed)
    return (rows.exclude(pk=but.pk) if but else rows).exists()
