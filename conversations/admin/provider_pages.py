"""A provider's own pages: testing its connection, and taking over what it lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from django.contrib import admin, messages
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations import connections, syncing
from conversations.admin.price_pages import noted
from conversations.models import Provider, User
from conversations.models.providers import per_million
from conversations.oversight.auditing import record
from conversations.providers.errors import ProviderError

if TYPE_CHECKING:
    from conversations.syncing import Listed, Plan

SALT = "provider-listing"
LISTING_SECONDS = 3600
# Ticks of one form, which has a few fields beside them: see `DATA_UPLOAD_MAX_NUMBER_FIELDS`.
MOST_TICKS = 900
decode = msgspec.json.Decoder(list[syncing.Listed]).decode


def check_page(request: HttpRequest, provider: Provider) -> HttpResponse:
    """What a test does, and after a post what it found."""
    steps = None
    if request.method == "POST":
        assert isinstance(request.user, User)
        steps = connections.check(provider, request.user)
    title = _("Test the connection to %(name)s") % {"name": provider}
    context = _context(request, provider, title) | {"steps": steps}
    return render(request, "admin/provider_check.html", context)


def sync_page(request: HttpRequest, provider: Provider) -> HttpResponse:
    """What the listing would change; a post applies what was ticked, as it was shown."""
    title = _("Models of %(name)s") % {"name": provider}
    context = _context(request, provider, title)
    if request.method == "POST":
        listing = _signed(request, provider)
        if listing is not None:
            return _apply(request, provider, syncing.plan(provider, listing))
        messages.warning(request, _("The list was too old. Look at it again."))
    try:
        listing = syncing.listed_models(connections.listing(provider))
    except ProviderError as trouble:
        return render(request, "admin/provider_sync.html", context | {"trouble": trouble})
    found = syncing.plan(provider, listing)
    context |= {"plan": found, "listing": _sign(provider, listing), "count": len(listing)}
    context |= _shown(found, request.GET.get("find", "").strip())
    return render(request, "admin/provider_sync.html", context)


def _context(request: HttpRequest, provider: Provider, title: str) -> dict[str, Any]:
    back = reverse("admin:conversations_provider_change", args=[provider.pk])
    return admin.site.each_context(request) | {
        "provider": provider,
        "title": title,
        "opts": Provider._meta,
        "back": back,
    }


def _sign(provider: Provider, listing: list[Listed]) -> str:
    """The listing as it was shown, so that what a person confirms is what they saw."""
    signer = signing.TimestampSigner(salt=f"{SALT}-{provider.pk}")
    return signer.sign(msgspec.json.encode(listing).decode())


def _signed(request: HttpRequest, provider: Provider) -> list[Listed] | None:
    signer = signing.TimestampSigner(salt=f"{SALT}-{provider.pk}")
    try:
        return decode(signer.unsign(request.POST.get("listing", ""), max_age=LISTING_SECONDS))
    except (signing.BadSignature, msgspec.MsgspecError):
        return None


def _apply(request: HttpRequest, provider: Provider, found: Plan) -> HttpResponse:
    offer, confirm = set(request.POST.getlist("offer")), set(request.POST.getlist("price"))
    with transaction.atomic():
        presets = syncing.apply(found, provider, offer=offer, confirm=confirm)
        _log(request, provider, found, offer, confirm)
    if presets:
        told = ngettext("A preset to talk to: %s", "Presets to talk to: %s", len(presets))
        messages.success(request, told % ", ".join(presets))
    messages.success(request, _("The models are as the provider lists them."))
    return HttpResponseRedirect(reverse("admin:conversations_provider_change", args=[provider.pk]))


def _log(
    request: HttpRequest, provider: Provider, found: Plan, offer: set[str], confirm: set[str]
) -> None:
    """Who took what over, and who set which price."""
    changed = [one.model.name for one in found.prices if one.model.name in confirm]
    new = [one.name for one in found.new if one.name in offer]
    withdrawn = [one.name for one in found.withdrawn]
    detail = {"new": new, "prices": changed, "withdrawn": withdrawn}
    record("provider.synced", subject=provider, request=request, detail=detail)
    for price in syncing.prices_now(provider).values():
        if price.model.name in {*changed, *new}:
            noted(request, price)


def _shown(found: Plan, find: str) -> dict[str, Any]:
    """What can be ticked, where `find` is part of the id: as much as one form takes."""
    changed = [row for row in _changes(found) if find.lower() in row["name"].lower()]
    new = [_row(listed) for listed in found.new if find.lower() in listed.name.lower()]
    prices = changed[:MOST_TICKS]
    shown = new[: MOST_TICKS - len(prices)]
    left = len(changed) + len(new) - len(prices) - len(shown)
    return {"find": find, "prices": prices, "new": shown, "left": left}


def _row(listed: Listed) -> dict[str, Any]:
    """A new model in words for people."""
    price = "" if listed.prices is None else " / ".join(map(per_million, listed.prices))
    return {"name": listed.name, "context": listed.context_tokens, "price": price}


def _changes(found: Plan) -> list[dict[str, str]]:
    rows = []
    for change in found.prices:
        assert change.listed.prices is not None
        before = change.before
        old = (before.input_nanos_per_million, before.output_nanos_per_million) if before else ()
        rows.append(
            {
                "name": change.model.name,
                "before": " / ".join(map(per_million, old)),
                "after": " / ".join(map(per_million, change.listed.prices)),
            }
        )
    return rows
