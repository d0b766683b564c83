"""The ledger's pen: entries with the day's sums, corrections, and the proof that all of it agrees."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models import (
    OPEN,
    Call,
    DailySum,
    LedgerEntry,
    Reservation,
    User,
)
from conversations.models.base import NOTHING
from conversations.problems import Invalid
from conversations.spending import budget_alerts

READ_AGAIN_SECONDS = 0.5
# No call takes longer.
LOST_AFTER = timedelta(minutes=20)
Of = DailySum.Of
# What a sum is of, and the entry's columns that say whose: the id and a copy of the name.
SUBJECTS: dict[str, tuple[str, str]] = {
    Of.MODEL: ("model_id", "model_name"),
    Of.PERSON: ("user_id", "user_name"),
    Of.PRESET: ("preset_id", "preset_name"),
    Of.PROVIDER: ("provider_id", "provider_name"),
    Of.SITE: ("", ""),
    Of.TEAM: ("team_id", "team_name"),
}
SAME = (
    "call_id",
    "completion_id",
    "conversation_id",
    *(name for pair in SUBJECTS.values() for name in pair if name),
)
FIGURES = ("cost_nanos", "unknown", "charges", "prompt_tokens", "completion_tokens")
COLUMNS = ("of", "subject_id", "day", "subject_name", *FIGURES)
ADDED = ", ".join(f"{name} = conversations_dailysum.{name} + excluded.{name}" for name in FIGURES)
ADD = f"""
    INSERT INTO conversations_dailysum ({", ".join(f'"{name}"' for name in COLUMNS)})
    VALUES %s
    ON CONFLICT ("of", subject_id, day)
    DO UPDATE SET subject_name = excluded.subject_name, {ADDED}
"""  # noqa: S608
Key = tuple[str, UUID, date]


@dataclass(slots=True)
class Figures:
    """What some entries come to."""

    name: str = ""
    cost_nanos: int = 0
    unknown: int = 0
    charges: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, entry: LedgerEntry, name: str) -> None:
        is_charge = entry.kind == LedgerEntry.Kind.CHARGE
        self.name = name or self.name
        self.cost_nanos += entry.cost_nanos or 0
        self.unknown += entry.cost_nanos is None
        self.charges += is_charge
        if is_charge:
            self.prompt_tokens += entry.prompt_tokens or 0
            self.completion_tokens += entry.completion_tokens or 0

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(getattr(self, name) for name in FIGURES)


def post(entries: Sequence[LedgerEntry]) -> None:
    """Add entries and their share of the day's sums, in one transaction."""
    if not entries:
        return
    with transaction.atomic():
        for entry in entries:
            entry.day = timezone.localdate(entry.at)
        LedgerEntry.objects.bulk_create(entries)
        _add(_summed(entries))


def _summed(entries: Iterable[LedgerEntry]) -> dict[Key, Figures]:
    sums: dict[Key, Figures] = defaultdict(Figures)
    for entry in entries:
        for of, (column, named) in SUBJECTS.items():
            subject = (getattr(entry, column) if column else None) or NOTHING
            sums[of, subject, entry.day].add(entry, getattr(entry, named) if named else "")
    return sums


def _add(sums: dict[Key, Figures]) -> None:
    """Always in one order, so that two transactions never wait for each other."""
    field = DailySum._meta.get_field("subject_id")
    day_of = connection.ops.adapt_datefield_value
    params: list[Any] = []
    for of, subject, day in sorted(sums):
        figures = sums[of, subject, day]
        key = [of, field.get_db_prep_value(subject, connection), day_of(day)]
        params += [*key, figures.name[:200], *figures.values]
    row = f"({', '.join(['%s'] * len(COLUMNS))})"
    with connection.cursor() as cursor:
        cursor.execute(ADD % ", ".join([row] * len(sums)), params)


@transaction.atomic
def correct(entry: LedgerEntry, *, by: User, cost_nanos: int, reason: str) -> LedgerEntry:
    """Book what a call should have cost: a new entry of today with the difference.

    Raises `Invalid`: without a reason, below zero, of a correction, or where nothing would change.
    """
    if entry.kind != LedgerEntry.Kind.CHARGE:
        raise Invalid(_("Correct the charge, not a correction of it."))
    if not reason.strip():
        raise Invalid(_("Say why: the reason stays with the correction."))
    if cost_nanos < 0:
        raise Invalid(_("A call can’t have cost less than nothing."))
    # One correction at a time: the next one sees what this one booked.
    LedgerEntry.objects.select_for_update().get(pk=entry.pk)
    booked = of_call(entry.call_id)
    if booked == cost_nanos:
        raise Invalid(_("That is what the ledger says already."))
    made = _correction_of(entry, by, reason.strip()[:500])
    made.cost_nanos = cost_nanos - (booked or 0)
    post([made])
    budget_alerts.after_charges([made])
    return made


def _correction_of(entry: LedgerEntry, by: User, reason: str) -> LedgerEntry:
    """The charge again, of now, without its tokens and its price."""
    return LedgerEntry(
        kind=LedgerEntry.Kind.CORRECTION,
        by_id=by.pk,
        by_name=by.display_name,
        reason=reason,
        usage_source="none",
        cost_source="person",
        **{name: getattr(entry, name) for name in SAME},
    )


def of_call(call_id: UUID) -> int | None:
    """What a call costs with its corrections; None: unknown."""
    rows = LedgerEntry.objects.filter(call_id=call_id)
    known: int | None = rows.aggregate(total=Sum("cost_nanos"))["total"]
    return known


def check() -> list[str]:
    """Everything that disagrees, a line each; nothing: the ledger is proven.

    On a site at work something may be booked between two readings: what disagrees is read again.
    """
    found = _disagreements()
    if found:
        time.sleep(READ_AGAIN_SECONDS)
        again = set(_disagreements())
        found = [line for line in found if line in again]
    return found


def _disagreements() -> list[str]:
    return [*_wrong_sums(), *_uncharged(), *_charged_otherwise(), *_left_over()]


def _stored_sums() -> dict[Key, tuple[int, ...]]:
    rows = DailySum.objects.values_list("of", "subject_id", "day", *FIGURES)
    return {(of, subject, day): tuple(figures) for of, subject, day, *figures in rows.iterator()}


def true_sums() -> Iterator[tuple[Key, str, tuple[int, ...]]]:
    """The daily sums as the ledger itself has them: key, name, figures."""
    charge = Q(kind=LedgerEntry.Kind.CHARGE)
    figures = {
        "cost": Coalesce(Sum("cost_nanos"), 0),
        "unknown": Count("pk", filter=Q(cost_nanos=None)),
        "charges": Count("pk", filter=charge),
        "read": Coalesce(Sum("prompt_tokens", filter=charge), 0),
        "written": Coalesce(Sum("completion_tokens", filter=charge), 0),
    }
    for of, (column, named) in SUBJECTS.items():
        by = ["day", *([column] if column else [])]
        rows = LedgerEntry.objects.order_by().values(*by).annotate(**figures)
        names = _newest_names(column, named) if column else {}
        for row in rows.iterator():
            subject = (row[column] if column else None) or NOTHING
            told = tuple(int(row[name]) for name in figures)
            yield (of, subject, row["day"]), names.get((subject, row["day"]), ""), told


def _newest_names(column: str, named: str) -> dict[tuple[UUID, date], str]:
    rows = LedgerEntry.objects.order_by("pk").values_list(column, "day", named)
    return {(subject or NOTHING, day): name for subject, day, name in rows.iterator() if name}


def _wrong_sums() -> Iterator[str]:
    stored = _stored_sums()
    for key, _name, figures in true_sums():
        if (found := stored.pop(key, None)) != figures:
            yield f"{_told(key)}: the sums say {found}, the ledger {figures}"
    for key, figures in stored.items():
        if any(figures):
            yield f"{_told(key)}: the sums say {figures}, the ledger has nothing"


def _told(key: Key) -> str:
    of, subject, day = key
    return f"{day} {of} {subject}" if subject != NOTHING else f"{day} {of}"


def _uncharged() -> Iterator[str]:
    """Calls that used something and have no charge."""
    charged = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.CHARGE)
    rows = Call.objects.exclude(usage_source="none", cost_nanos=None).exclude(
        pk__in=charged.values("call_id")
    )
    for pk in rows.values_list("pk", flat=True).iterator():
        yield f"call {pk}: was used and isn't charged"


def _charged_otherwise() -> Iterator[str]:
    """Charges that differ from what their call says it cost."""
    calls = Call.objects.filter(pk=OuterRef("call_id"))
    charges = LedgerEntry.objects.filter(Exists(calls), kind=LedgerEntry.Kind.CHARGE).annotate(
        call_cost=Coalesce(Subquery(calls.values("cost_nanos")), -1),
        charged=Coalesce("cost_nanos", -1),
    )
    for pk in charges.exclude(call_cost=F("charged")).values_list("call_id", flat=True):
        yield f"call {pk}: is charged otherwise than it cost"


def _left_over() -> Iterator[str]:
    """Reservations that nobody will settle any more."""
    old = Reservation.objects.filter(created_at__lt=timezone.now() - LOST_AFTER)
    for pk in old.exclude(completion__state__in=OPEN).values_list("pk", flat=True):
        yield f"reservation {pk}: is held for what has ended"


@transaction.atomic
def rebuild() -> int:
    """Make the daily sums anew from the ledger; returns how many there are."""
    if connection.vendor == "postgresql":
        # What is posted meanwhile waits with its sums, and adds them afterwards.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE conversations_dailysum IN SHARE ROW EXCLUSIVE MODE")
    DailySum.objects.all().delete()
    rows = [
        DailySum(
            of=of,
            subject_id=subject,
            day=day,
            subject_name=name[:200],
            **dict(zip(FIGURES, figures, strict=True)),
        )
        for (of, subject, day), name, figures in true_sums()
    ]
    DailySum.objects.bulk_create(rows, batch_size=500)
    return len(rows)
