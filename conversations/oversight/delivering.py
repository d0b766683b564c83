"""Telling administrators of alerts, by mail and by a signed webhook, where those are set.

Each alert is told once, by whichever process takes it first. What fails is tried again, at growing
intervals, five times in all. Nothing of a conversation is in it, and no key.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from datetime import timedelta

import msgspec
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMessage, get_connection
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Alert

log = logging.getLogger(__name__)

MOST_TRIES = 5
MOST_AT_ONCE = 20
# After the first try, the second, and so on. The first is longer than any try can take.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 120))
MAIL_SECONDS = 20
DAY_SECONDS = 86_400
SIGNATURE = "X-Parley-Signature"


def is_set() -> bool:
    """Whether there is anybody to tell."""
    return bool(settings.ALERT_MAIL or settings.ALERT_WEBHOOK)


async def tell_waiting() -> int:
    """Tell what is still to be told; returns how many were."""
    alerts = await database_sync_to_async(take)()
    told = [alert for alert in alerts if await _tell(alert)]
    if told:
        await database_sync_to_async(_note)(told)
    return len(told)


def take() -> list[Alert]:
    """Open alerts that nobody has told yet, for this process alone for a while."""
    now = timezone.now()
    due = Alert.objects.filter(
        told_at=None, closed_at=None, tries__lt=MOST_TRIES, try_at__lte=now
    ).order_by("first_at")
    return [alert for alert in due[:MOST_AT_ONCE] if _claim(alert)]


def _claim(alert: Alert) -> bool:
    """Of several that want to tell it, one gets it."""
    again = timezone.now() + PAUSES[alert.tries]
    rows = Alert.objects.filter(pk=alert.pk, told_at=None, tries=alert.tries)
    return rows.update(tries=F("tries") + 1, try_at=again) == 1


def _note(alerts: list[Alert]) -> None:
    Alert.objects.filter(pk__in=[alert.pk for alert in alerts]).update(told_at=timezone.now())


async def _tell(alert: Alert) -> bool:
    """Tell it each way that is set and hasn't worked yet; True once all have."""
    ways = {"mail": (settings.ALERT_MAIL, _mail), "webhook": (settings.ALERT_WEBHOOK, _post)}
    went_well = True
    for way, (address, tell) in ways.items():
        known = f"alert-told-{alert.pk}-{way}"
        if not address or await asyncio.to_thread(cache.get, known):
            continue
        try:
            await tell(alert)
            await asyncio.to_thread(cache.set, known, True, DAY_SECONDS)
        except Exception as trouble:  # whatever it is, the others want to be told too
            went_well = False
            log.warning("an alert could not be told by %s: %s", way, type(trouble).__name__)
    return went_well


async def _mail(alert: Alert) -> None:
    connection = get_connection(timeout=MAIL_SECONDS) if settings.MAIL_IS_SENT else None
    mail = EmailMessage(
        subject=_one_line(f"[Parley] {alert.get_kind_display()}: {alert.subject_name}"),
        body=_words(alert),
        to=settings.ALERT_MAIL,
        connection=connection,
    )
    await asyncio.to_thread(mail.send)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _words(alert: Alert) -> str:
    """What a person reads."""
    since = f"{timezone.localtime(alert.first_at):%Y-%m-%d %H:%M %Z}"
    lines = [
        f"{alert.subject_name}: {alert.get_kind_display()}",
        alert.detail,
        _("Since %(since)s, %(count)d times so far.") % {"since": since, "count": alert.count},
        f"{settings.SITE_URL}{reverse('admin:index')}" if settings.SITE_URL else "",
    ]
    return "\n\n".join(line for line in lines if line)


async def _post(alert: Alert) -> None:
    from conversations.providers.posting import post_json  # loads an HTTP client

    body = msgspec.json.encode(
        {
            "id": alert.pk,
            "kind": alert.kind,
            "subject": alert.subject,
            "about": alert.subject_name,
            "detail": alert.detail,
            "count": alert.count,
            "first_at": alert.first_at,
            "last_at": alert.last_at,
            "site": settings.SITE_URL,
        }
    )
    headers = {SIGNATURE: signature(body, int(time.time()), settings.ALERT_SECRET)}
    private = settings.PRIVATE_PROVIDERS
    await post_json(settings.ALERT_WEBHOOK, body, headers, allow_private=private)


def signature(body: bytes, moment: int, secret: str) -> str:
    """`t=SECONDS,v1=HEX`: the HMAC-SHA256 of `SECONDS.BODY` with the secret.

    Whoever receives it makes it again, compares, and refuses what is older than some minutes.
    """
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
    return f"t={moment},v1={signed.hexdigest()}"
