"""Budgets as they stand, and requests for more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelect2Widget

from conversations.admin.base import ParleyAdmin
from conversations.admin.budget_pages import decide_page
from conversations.models import (
    NANOS,
    Budget,
    BudgetRequest,
    Capability,
    Preset,
    Provider,
    Scope,
    Team,
    User,
)
from conversations.models.providers import dollars
from conversations.spending import budget_alerts
from conversations.spending.budgets import Level, levels_of, until

SUBJECTS = ("user", "team", "preset", "provider")
SCOPE_OF = {"user": "person", "team": "team", "preset": "preset", "provider": "provider"}


class _Choice(forms.ModelChoiceField):
    """One of all, found by typing; people are told apart by their addresses."""

    def __init__(self, rows: QuerySet[Any], label: Any) -> None:
        super().__init__(rows, label=label, required=False, widget=UnfoldAdminSelect2Widget)

    def label_from_instance(self, obj: Any) -> str:
        if isinstance(obj, User):
            return f"{obj.display_name} ({obj.email or obj.username})"
        return str(obj)


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A budget with its amount in dollars; of the subjects only the scope's own is kept."""

    amount = forms.DecimalField(
        label=_("Amount, dollars"),
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    user = _Choice(User.objects.order_by("first_name", "username"), _("Person"))
    team = _Choice(Team.objects.order_by("name"), _("Team"))
    preset = _Choice(Preset.objects.of_administrators().order_by("name"), _("Preset"))
    provider = _Choice(Provider.objects.order_by("name"), _("Provider"))

    class Meta:
        model = Budget
        fields = ("scope", *SUBJECTS, "period", "hard", "warn_percent", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and self.instance.amount_nanos is not None:
            self.initial["amount"] = Decimal(self.instance.amount_nanos) / NANOS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        scope = cleaned.get("scope")
        for name in SUBJECTS:
            if SCOPE_OF[name] != scope:
                cleaned[name] = None
            elif cleaned.get(name) is None and name not in self.errors:
                self.add_error(name, _("Choose the one that this budget is for."))
        if (amount := cleaned.get("amount")) is not None:
            self.instance.amount_nanos = int(amount * NANOS)
        if not self.errors and cleaned.get("enabled") and self._has_twin(cleaned):
            self.add_error(None, _("There is a budget like this already. Change its amount."))
        return cleaned

    def _has_twin(self, cleaned: dict[str, Any]) -> bool:
        """Another one in force that counts the same in the same way."""
        same = {name: cleaned.get(name) for name in ("scope", *SUBJECTS, "period", "hard")}
        rows = Budget.objects.filter(own=False, enabled=True, **same)
        return rows.exclude(pk=self.instance.pk).exists()


@admin.register(Budget)
class BudgetAdmin(ParleyAdmin):
    """Each with what is spent and held of it in its present period."""

    capability = Capability.SPEND
    form = BudgetForm
    list_display = ("name", "period", "limit", "spent", "held", "left", "hard", "enabled")
    list_filter = ("scope", "period", "hard", "enabled")
    list_select_related = SUBJECTS
    search_fields = (
        "user__username",
        "user__first_name",
        "team__name",
        "preset__name",
        "provider__name",
    )
    fields = ("scope", *SUBJECTS, "period", "amount", "hard", "warn_percent", "enabled")
    conditional_fields: ClassVar = {name: f"scope == '{SCOPE_OF[name]}'" for name in SUBJECTS}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        """People's own limits are their own affair."""
        return super().get_queryset(request).filter(own=False)

    def save_model(self, request: HttpRequest, obj: Budget, form: Any, change: bool) -> None:
        """What it says already is said at once: a hard one may stop everybody."""
        super().save_model(request, obj, form, change)
        (level,) = levels_of([obj])
        if not obj.enabled or obj.scope == Scope.EACH_PERSON:
            return
        budget_alerts.after_saving(level)
        if obj.hard and not level.left:
            told = _(
                "%(spent)s is spent of it already: whom it counts can’t send anything %(until)s."
            )
            spent = f"${dollars(level.spent)}"
            messages.warning(request, told % {"spent": spent, "until": until(level)})

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Requests for more of it go along: whoever may delete this may delete them."""
        found, counts, _perms, protected = super().get_deleted_objects(objs, request)
        return found, counts, set(), protected

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The standing of all rows of the page in one query."""
        found = super().get_changelist_instance(request)
        found.result_list = _with_levels(found.result_list)
        return found

    def csv_rows(self, request: HttpRequest, rows: Any) -> Any:
        return super().csv_rows(request, _Standing(rows))

    @admin.display(description=_("budget"), ordering="scope")
    def name(self, budget: Budget) -> str:
        return budget.subject_name

    @admin.display(description=_("limit"), ordering="amount_nanos")
    def limit(self, budget: Budget) -> str:
        return f"${dollars(_level(budget).limit)}"

    @admin.display(description=_("spent"))
    def spent(self, budget: Budget) -> str:
        """Of a budget that each has: the one who has spent the most."""
        level = _level(budget)
        told = f"${dollars(level.spent)} ({level.share:.0%})"
        if budget.scope == Scope.EACH_PERSON and not level.whose:
            return "–"
        if budget.scope == Scope.EACH_PERSON:
            return _("at most %(amount)s: %(name)s") % {"amount": told, "name": level.whose}
        return told

    @admin.display(description=_("held"))
    def held(self, budget: Budget) -> str:
        return f"${dollars(_level(budget).held)}" if _level(budget).held else ""

    @admin.display(description=_("left"))
    def left(self, budget: Budget) -> str:
        return f"${dollars(_level(budget).left)}"


class _Standing:
    """Rows with their standing, a portion at a time: a statement can ask for so many only."""

    def __init__(self, rows: QuerySet[Budget]) -> None:
        self._rows = rows

    def iterator(self, chunk_size: int) -> Iterator[Budget]:
        rows = self._rows.iterator(chunk_size)
        while portion := list(islice(rows, chunk_size)):
            yield from _with_levels(portion)


def _with_levels(rows: Iterable[Budget]) -> list[Budget]:
    budgets = list(rows)
    for level in levels_of(budgets):
        level.budget.level = level  # type: ignore[attr-defined]
    return budgets


def _level(budget: Budget) -> Level:
    if not hasattr(budget, "level"):
        _with_levels([budget])
    level: Level = budget.level  # type: ignore[attr-defined]
    return level


@admin.register(BudgetRequest)
class BudgetRequestAdmin(ParleyAdmin):
    """Who asks for more, and what was decided."""

    capability = Capability.SPEND
    list_display = (
        "person",
        "budget",
        "asked",
        "reason",
        "state",
        "approved",
        "ends_at",
        "created_at",
    )
    list_filter = ("state",)
    list_select_related = ("person", *(f"budget__{name}" for name in SUBJECTS))
    search_fields = ("person__username", "person__first_name", "person__last_name", "reason")

    @admin.display(description=_("asked for"), ordering="asked_nanos")
    def asked(self, row: BudgetRequest) -> str:
        return f"${dollars(row.asked_nanos)}"

    @admin.display(description=_("approved"), ordering="granted_nanos")
    def approved(self, row: BudgetRequest) -> str:
        return "" if row.granted_nanos is None else f"${dollars(row.granted_nanos)}"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return decide_page(self, request, object_id)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
