"""The sections of the administration's sidebar: only what the person may open."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from conversations.models import Capability, User

PEOPLE, PROVIDERS, SPEND = Capability.PEOPLE, Capability.PROVIDERS, Capability.SPEND
ANY = (PEOPLE, PROVIDERS, SPEND)


class Entry(NamedTuple):
    """A page: what it is called, its icon, its address by name, and who may open it."""

    title: Any
    icon: str
    name: str
    capabilities: tuple[str, ...]


def _list(model: str) -> str:
    return f"admin:conversations_{model}_changelist"


SECTIONS: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    ("", (Entry(_("Board"), "monitoring", "admin:index", tuple(Capability.values)),)),
    (
        _("Models"),
        (
            Entry(_("Providers"), "dns", _list("provider"), (PROVIDERS,)),
            Entry(_("Models"), "deployed_code", _list("languagemodel"), (PROVIDERS,)),
            Entry(_("Presets"), "tune", _list("preset"), (PROVIDERS,)),
            Entry(_("Calls"), "swap_horiz", _list("call"), (PROVIDERS, SPEND)),
        ),
    ),
    (
        _("People"),
        (
            Entry(_("People"), "person", _list("user"), (PEOPLE,)),
            Entry(_("Teams"), "groups", _list("team"), (PEOPLE,)),
            Entry(_("Invitations"), "mail", _list("onetimelink"), (PEOPLE,)),
        ),
    ),
    (
        _("Spend"),
        (
            Entry(_("Budgets"), "savings", _list("budget"), (SPEND,)),
            Entry(_("Requests"), "front_hand", _list("budgetrequest"), (SPEND,)),
            Entry(_("Ledger"), "receipt_long", _list("ledgerentry"), (SPEND,)),
            Entry(_("Statements"), "description", "admin:statements", (SPEND,)),
        ),
    ),
    (
        _("Watch"),
        (
            Entry(_("Conversations"), "forum", _list("conversation"), (Capability.READ,)),
            Entry(_("Audit log"), "history", _list("auditentry"), (PEOPLE,)),
            Entry(_("Alerts"), "notifications", _list("alert"), ANY),
        ),
    ),
    ("", (Entry(_("Site settings"), "settings", _list("sitesettings"), (PEOPLE, SPEND)),)),
)


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    """The sidebar as the administration's package takes it."""
    found = [
        {"title": title, "separator": number > 0, "items": _items(request, entries)}
        for number, (title, entries) in enumerate(SECTIONS)
    ]
    return [section for section in found if section["items"]]


def _items(request: HttpRequest, entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    user = request.user
    shown = []
    for entry in entries:
        link = address(entry.name)
        if link and isinstance(user, User) and any(map(user.may, entry.capabilities)):
            shown.append({"title": entry.title, "icon": entry.icon, "link": link})
    return shown


def address(name: str, *arguments: Any) -> str:
    """The page's address; empty for a page that this site doesn't have."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
