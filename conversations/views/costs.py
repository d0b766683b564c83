"""What a message would cost, and what the month has cost so far."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from conversations.models import Conversation, DailySum, Period, PresetModel, Scope, User
from conversations.models.providers import dollars
from conversations.problems import Invalid, NotFound
from conversations.spending.budgets import Level, standing, until
from conversations.spending.previewing import Preview, preview
from conversations.views.answering import PersonRequest, answers, uuid_or_none

MOST_DIGITS = 8
NOTHING = {"likely": "", "most": "", "refusal": "", "nearly": ""}
THEIRS = (Scope.PERSON, Scope.EACH_PERSON)


@answers("GET")
def cost(request: PersonRequest) -> HttpResponse:
    """The composer's text in money: `?preset=`, `?conversation=`, `?bytes=` of UTF-8; and the month."""
    size, where = request.GET.get("bytes", ""), uuid_or_none(request.GET.get("conversation", ""))
    chosen = PresetModel.objects.chosen_by(request.user, request.GET.get("preset", ""))
    if chosen is None or not (size.isdecimal() and len(size) < MOST_DIGITS):
        raise Invalid(_("There is nothing to reckon with."))
    found = Conversation.objects.one_writable(request.user, where) if where else None
    if where and found is None:
        raise NotFound
    told = _shown(preview(request.user, chosen, found, int(size))) if int(size) else NOTHING
    month = {"spend_month": spend_of_month(request.user)}
    return render(request, "_cost.html", told | month)


def _shown(told: Preview) -> dict[str, object]:
    """Amounts in words; what is refused already, and what is nearly used."""
    return {
        "likely": _dollars(told.likely),
        "most": _dollars(told.most),
        "refusal": told.refusal,
        "nearly": _nearly(told.tightest) if told.tightest and not told.refusal else "",
    }


def _dollars(nanos: int | None) -> str:
    return "" if nanos is None else f"${dollars(nanos)}"


def _nearly(level: Level) -> str:
    return _("%(left)s left of %(limit)s in “%(budget)s” %(until)s.") % {
        "left": _dollars(level.left),
        "limit": _dollars(level.limit),
        "budget": level.name,
        "until": until(level),
    }


def spend_of_month(user: User) -> str:
    """What the person has spent since the month began, and of how much; nothing where nothing was.

    Of several budgets the one that leaves the least is told.
    """
    month = timezone.localdate().replace(day=1)
    nanos = DailySum.objects.total_of(DailySum.Of.PERSON, user.pk, month)
    bounds = [
        level.limit
        for level in standing(user)
        if level.budget.period == Period.MONTH and level.budget.scope in THEIRS
    ]
    if bounds:
        return _("%(spent)s of %(limit)s") % {
            "spent": _dollars(nanos),
            "limit": _dollars(min(bounds)),
        }
    return _dollars(nanos) if nanos else ""
