"""Forms of My usage: limits of one's own, and asking for more."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from conversations.models import Budget, BudgetRequest, Period, nanos_of
from conversations.spending.money import plain
from conversations.spending.own_limits import PERIODS

LABELS = {Period.DAY: _("A day"), Period.WEEK: _("A week"), Period.MONTH: _("A month")}


class Amount(forms.DecimalField):
    """Dollars, to a millionth."""

    def __init__(self, **options: Any) -> None:
        attrs = {"inputmode": "decimal", "autocomplete": "off"}
        fixed: dict[str, Any] = {
            "max_digits": 12,
            "decimal_places": 6,
            "widget": forms.TextInput(attrs),
        }
        super().__init__(**fixed | {"min_value": 0} | options)

    def clean(self, value: Any) -> int | None:  # type: ignore[override]
        """Nanodollars; None for nothing."""
        dollars = super().clean(value)
        return None if dollars is None else nanos_of(dollars)


class LimitsForm(forms.Form):
    """One's own limits; an empty one is none."""

    def __init__(self, *args: Any, limits: dict[str, int], **options: Any) -> None:
        super().__init__(*args, **options)
        for period in PERIODS:
            self.fields[period] = Amount(label=LABELS[period], required=False)
            if period in limits:
                self.initial[period] = plain(limits[period])

    def amounts(self) -> dict[str, int | None]:
        return {str(period): self.cleaned_data[period] for period in PERIODS}


class AskForm(forms.Form):
    """So much more of one budget, and why."""

    budget = forms.UUIDField(widget=forms.HiddenInput)
    amount = Amount(label=_("How much more"), min_value=0.01)
    reason = forms.CharField(
        label=_("What for"),
        max_length=BudgetRequest._meta.get_field("reason").max_length,
        widget=forms.Textarea({"rows": 2}),
    )


def ask_form(budget: Budget) -> AskForm:
    """An empty one for this budget; several of them stand on one page."""
    return AskForm(initial={"budget": budget.pk}, auto_id=f"ask-{budget.pk.hex}-%s")
