"""Budgets: what applies to a call, what is used of it, and whether the call still fits.

Everything that may cost is held at its worst case first. The budgets that it counts for are locked
in the order of their ids while that is decided, so that spent plus held never passes a hard one,
however many requests come at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations.models import (
    Budget,
    BudgetRequest,
    DailySum,
    Period,
    PresetVersion,
    Reservation,
    Scope,
    User,
)
from conversations.models.base import NOTHING
from conversations.models.budgets import ROLLING_DAYS
from conversations.models.prepared import Prepared
from conversations.models.providers import dollars
from conversations.problems import BudgetSpent

SPENT = """
    (SELECT COALESCE(SUM(cost_nanos), 0) FROM conversations_dailysum
     WHERE "of" = %s AND subject_id = %s AND day >= %s)
"""
HELD = "(SELECT COALESCE(SUM(amount_nanos), 0) FROM conversations_reservation{where})"
MORE = """
    (SELECT COALESCE(SUM(granted_nanos), 0) FROM conversations_budgetrequest
     WHERE budget_id = %s AND state = 'approved' AND ends_at > %s{who})
"""


@dataclass(frozen=True, slots=True)
class Charged:
    """Whom and what a call counts for, by id."""

    user: UUID | None = None
    team: UUID | None = None
    preset: UUID | None = None
    provider: UUID | None = None

    def at(self, provider: UUID) -> Charged:
        return replace(self, provider=provider)


@dataclass(slots=True)
class Level:
    """A budget as it stands for one whom it counts: amounts are nanodollars."""

    budget: Budget
    spent: int = 0
    held: int = 0
    more: int = 0
    # Of a budget that each person has, in a list of all: who has spent the most.
    whose: str = ""

    @property
    def limit(self) -> int:
        """What may be spent, with what was approved beyond it."""
        return self.budget.amount_nanos + self.more

    @property
    def left(self) -> int:
        return max(0, self.limit - self.spent - self.held)

    @property
    def share(self) -> float:
        """What is spent of it, 1 for all."""
        return self.spent / self.limit if self.limit else 1.0

    @property
    def warns(self) -> bool:
        return self.share * 100 >= self.budget.warn_percent

    @property
    def renews(self) -> date | None:
        return Period(self.budget.period).renews(timezone.localdate())

    @property
    def name(self) -> str:
        """How people call it: by whose it is, and for how long."""
        if self.budget.own:
            return _("Your own limit, %(period)s") % {"period": self.budget.get_period_display()}
        return str(self.budget)


def _applying(user: UUID, team: UUID, preset: UUID, provider: UUID) -> Any:
    return (
        Budget.objects.filter(enabled=True)
        .filter(
            Q(scope__in=[Scope.SITE, Scope.EACH_PERSON])
            | Q(user=user)
            | Q(team=team)
            | Q(preset=preset)
            | Q(provider=provider)
        )
        .order_by("pk")
    )


KINDS: dict[str, Any] = dict.fromkeys(("user", "team", "preset", "provider"), UUID)
APPLYING = Prepared(_applying, **KINDS)
# Built within a transaction, where alone rows can be locked.
LOCKED = Prepared(lambda **ids: _applying(**ids).select_for_update(of=("self",)), **KINDS)


def levels(charged: Charged, *, lock: bool = False) -> list[Level]:
    """The budgets that a call counts for, as they stand; locked until the transaction ends."""
    ids = {
        name: getattr(charged, name) or NOTHING for name in ("user", "team", "preset", "provider")
    }
    rows = _without_replaced((LOCKED if lock else APPLYING)(**ids))
    return _standing([Level(budget) for budget in rows], charged) if rows else []


def _without_replaced(budgets: list[Budget]) -> list[Budget]:
    """A budget of the person's takes the place of the one that each person has."""
    theirs = {b.period for b in budgets if b.scope == Scope.PERSON and not b.own}
    return [b for b in budgets if b.scope != Scope.EACH_PERSON or b.period not in theirs]


def _standing(found: list[Level], charged: Charged) -> list[Level]:
    """Read what is spent, held and approved: one statement, so that all is of one moment.

    What is being settled meanwhile is either still held or already spent, never neither.
    """
    selects, params = [], []
    for number, level in enumerate(found):
        sql, bound = _standing_of(level.budget, charged)
        selects.append(f"SELECT {number}, {sql}")
        params += bound
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(selects), params)
        for number, spent, held, more in cursor.fetchall():
            level = found[number]
            level.spent, level.held, level.more = int(spent), int(held), int(more)
    return found


def _standing_of(budget: Budget, charged: Charged) -> tuple[str, list[Any]]:
    of, column, subject = _subject(budget, charged)
    where, who = (f" WHERE {column} = %s", "") if column else ("", "")
    since = Period(budget.period).begins(timezone.localdate())
    key = _stored(subject)
    params: list[Any] = [of, key, connection.ops.adapt_datefield_value(since)]
    params += [key] if column else []
    params += [_stored(budget.pk), connection.ops.adapt_datetimefield_value(timezone.now())]
    if budget.scope == Scope.EACH_PERSON:
        who = " AND person_id = %s"
        params.append(key)
    return f"{SPENT}, {HELD.format(where=where)}, {MORE.format(who=who)}", params


def _subject(budget: Budget, charged: Charged) -> tuple[str, str, UUID]:
    """Which sums, which of a reservation's columns, and whose."""
    match budget.scope:
        case Scope.SITE:
            return DailySum.Of.SITE, "", NOTHING
        case Scope.EACH_PERSON:
            return DailySum.Of.PERSON, "user_id", charged.user or NOTHING
        case Scope.PERSON:
            return DailySum.Of.PERSON, "user_id", budget.user_id or NOTHING
        case Scope.TEAM:
            return DailySum.Of.TEAM, "team_id", budget.team_id or NOTHING
        case Scope.PRESET:
            return DailySum.Of.PRESET, "preset_id", budget.preset_id or NOTHING
        case _:
            return DailySum.Of.PROVIDER, "provider_id", budget.provider_id or NOTHING


def _stored(pk: UUID) -> Any:
    return Budget._meta.pk.get_db_prep_value(pk, connection)


def hard_of(found: Iterable[Level]) -> list[Level]:
    return [level for level in found if level.budget.hard]


def check(found: Sequence[Level], amount: int | None) -> None:
    """Raise `BudgetSpent` where so much more could pass a hard budget; the tightest is named."""
    hard = hard_of(found)
    if not hard:
        return
    tightest = min(hard, key=lambda level: level.limit - level.spent - level.held)
    if amount is None:
        raise BudgetSpent(_priceless(tightest), code="no_price")
    if tightest.spent + tightest.held + amount <= tightest.limit:
        return
    raise BudgetSpent(
        _refusal(tightest, amount),
        budget=str(tightest.budget.pk),
        left=_shown(tightest.left),
        could_cost=_shown(amount),
        renews=tightest.renews.isoformat() if tightest.renews else None,
    )


def _priceless(level: Level) -> str:
    return _(
        "This model has no price, so nobody can say whether it stays within “%(budget)s”. Choose"
        " another preset, or ask your administrator for a price."
    ) % {"budget": level.name}


def _refusal(level: Level, amount: int) -> str:
    """Why, and until when."""
    told = {
        "budget": level.name,
        "limit": _shown(level.limit),
        "left": _shown(level.left),
        "amount": _shown(amount),
        "until": until(level),
    }
    if not level.left:
        return _("“%(budget)s” is used up: %(limit)s %(until)s.") % told
    return (
        _(
            "This could cost up to %(amount)s, and “%(budget)s” has %(left)s left of %(limit)s"
            " %(until)s. Write less, or choose a cheaper preset."
        )
        % told
    )


def until(level: Level) -> str:
    """When there will be more, as the end of a sentence."""
    if level.budget.period == Period.ROLLING:
        return _("in the last 30 days; some of it comes back every day")
    if level.renews is None:
        return _("in all")
    return _("until %(day)s") % {"day": date_format(level.renews, "DATE_FORMAT")}


def _shown(nanos: int) -> str:
    return f"${dollars(nanos)}"


def hold(
    charged: Charged,
    amount: int | None,
    call_id: UUID,
    completion: UUID | None = None,
    *,
    found: Sequence[Level] | None = None,
) -> Reservation:
    """Hold the worst case of one call (nanodollars; None: nobody knows), or raise `BudgetSpent`.

    In a transaction; `found` are the budgets where they are locked already.
    """
    check(levels(charged, lock=True) if found is None else found, amount)
    return Reservation(
        completion_id=completion,
        call_id=call_id,
        amount_nanos=amount,
        user_id=charged.user,
        team_id=charged.team,
        preset_id=charged.preset,
        provider_id=charged.provider,
    )


def charged_for(user: User, version: PresetVersion, team: UUID | None) -> Charged:
    """Whom a person's call counts for: their conversation's team, otherwise their main one."""
    return Charged(user.pk, team or user.main_team_id, version.preset_id)


def standing(user: User) -> list[Level]:
    """The budgets that count a person: the site's, their own, each person's and their main team's."""
    return levels(Charged(user.pk, user.main_team_id))


def levels_of(budgets: Sequence[Budget]) -> list[Level]:
    """Any budgets as they stand; of one that each person has, the person who has spent the most."""
    most = {
        budget.period: _spent_most(Period(budget.period))
        for budget in budgets
        if budget.scope == Scope.EACH_PERSON
    }
    found = []
    for budget in budgets:
        level = Level(budget)
        charged = Charged()
        if budget.scope == Scope.EACH_PERSON and (row := most[budget.period]):
            charged, level.whose = Charged(row.subject_id), row.subject_name
        found += _standing([level], charged) if level.whose else [level]
    rest = [level for level in found if level.budget.scope != Scope.EACH_PERSON]
    if rest:
        _standing(rest, Charged())
    return found


def _spent_most(period: Period) -> DailySum | None:
    since = period.begins(timezone.localdate())
    rows = DailySum.objects.filter(of=DailySum.Of.PERSON, day__gte=since).exclude(
        subject_id=NOTHING
    )
    summed = rows.values("subject_id").annotate(total=Sum("cost_nanos")).order_by("-total")
    first = summed.first()
    return rows.filter(subject_id=first["subject_id"]).last() if first else None


def newest_requests(user: User) -> dict[UUID, BudgetRequest]:
    """What the person asked for last, by budget: open, or decided not long ago."""
    since = timezone.now() - timedelta(days=ROLLING_DAYS)
    rows = BudgetRequest.objects.visible_to(user).filter(created_at__gt=since)
    return {row.budget_id: row for row in rows.order_by("created_at")}
