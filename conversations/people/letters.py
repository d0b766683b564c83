"""Mails to people about their account: an invitation, an approval, a new password."""

from __future__ import annotations

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.internal.flows.password_reset import request_password_reset
from django.conf import settings
from django.core.mail import send_mail
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from conversations.models import User

log = logging.getLogger(__name__)


def are_sent() -> bool:
    """Whether this site sends mail at all."""
    return bool(settings.MAIL_IS_SENT)


def reach(person: User) -> bool:
    """Whether the person can be reached by mail."""
    return are_sent() and bool(person.email)


def address(request: HttpRequest, name: str, *arguments: Any) -> str:
    """A page's whole address, as people reach it."""
    base = settings.SITE_URL or f"{request.scheme}://{request.get_host()}"
    return f"{base}{reverse(name, args=arguments)}"


def invitation(email: str, link: str, days: int, request: HttpRequest) -> bool:
    """True when it was sent."""
    by = request.user.display_name if isinstance(request.user, User) else ""
    return _sent("invitation", email, {"link": link, "days": days, "by": by})


def approved(person: User, request: HttpRequest) -> bool:
    """True when it was sent."""
    link = address(request, "account_login")
    return reach(person) and _sent("approved", person.email, {"link": link, "person": person})


def reset(person: User, request: HttpRequest) -> bool:
    """The same mail that people can ask for themselves; True when it was sent."""
    try:
        request_password_reset(request, person.email, [person], None)
    except (OSError, SMTPException):
        log.warning("a mail could not be sent")
        return False
    return True


def _sent(name: str, to: str, about: dict[str, Any]) -> bool:
    if not are_sent():
        return False
    subject = " ".join(render_to_string(f"mail/{name}_subject.txt", about).split())
    body = render_to_string(f"mail/{name}.txt", about)
    try:
        return bool(send_mail(subject, body, None, [to]))
    except (OSError, SMTPException):
        log.warning("a mail could not be sent")
        return False
