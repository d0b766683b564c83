"""The site's settings, one row: how long things are kept, the currency, the second factor."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.validators import MaxValueValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action

from conversations.admin.base import ParleyAdmin, remembering
from conversations.admin.own_pages import own_page
from conversations.models import Capability, SiteSettings, User
from conversations.oversight import retention
from conversations.oversight.auditing import changes
from conversations.oversight.retention_rules import MOST_DAYS
from conversations.oversight.retention_rules import PERIODS as KEEPING
from conversations.people import second_factor

CURRENCY = ("currency", "currency_per_dollar", "currency_date")
# Who may change what.
FIELDS = {Capability.PEOPLE: (*KEEPING, "mfa_required"), Capability.SPEND: CURRENCY}
# What "Do it now" may take of a request; the server goes on with the rest by itself.
NOW, NOW_SECONDS = 5_000, 10


class SiteSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """The one row; a currency comes with its rate and the day that the rate is of."""

    by: User

    class Meta:
        model = SiteSettings
        fields = (*KEEPING, *CURRENCY, "mfa_required")
        labels: ClassVar = {
            "currency": gettext_lazy("Currency"),
            "currency_per_dollar": gettext_lazy("Units of it for a dollar"),
            "currency_date": gettext_lazy("Day of this rate"),
        }
        help_texts: ClassVar = {
            "currency": gettext_lazy("Three capital letters, such as EUR. Empty: dollars alone."),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name in KEEPING:
            if name in self.fields:
                self.fields[name].validators.append(MaxValueValidator(MOST_DAYS))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        given = [name for name in CURRENCY if cleaned.get(name)]
        if given and len(given) < len(CURRENCY) and not self.errors:
            raise forms.ValidationError(
                _(
                    "A currency needs its rate, above zero, and the day of the rate; or leave all three empty."
                )
            )
        if cleaned.get("mfa_required") and "mfa_required" in self.changed_data:
            self._check_own_factor()
        day = cleaned.get("currency_date")
        if day and day > timezone.localdate():
            self.add_error("currency_date", _("A rate of a day that is still to come isn’t known."))
        return cleaned

    def _check_own_factor(self) -> None:
        """Who requires it has one: otherwise saving this would shut them out at once."""
        if not second_factor.has_factor(self.by):
            told = _("Set a second factor up for yourself first, under Security.")
            self.add_error("mfa_required", told)


@admin.register(SiteSettings)
class SiteSettingsAdmin(ParleyAdmin):
    form = SiteSettingsForm
    capability = Capability.PEOPLE
    actions_detail = ("show_preview",)
    fieldsets = (
        (
            gettext_lazy("Keeping"),
            {
                "fields": KEEPING,
                "description": gettext_lazy(
                    "What is older goes, once a day and for good; the first time a day after a"
                    " period was changed. The ledger always stays."
                ),
            },
        ),
        (
            gettext_lazy("Currency"),
            {
                "fields": CURRENCY,
                "description": gettext_lazy(
                    "Statements show it beside dollars, with the rate and its day. The ledger stays"
                    " in dollars."
                ),
            },
        ),
        (gettext_lazy("Second factor"), {"fields": ("mfa_required",)}),
    )

    def _may(self, request: HttpRequest) -> bool:
        return any(request.user.may(name) for name in FIELDS)  # type: ignore[union-attr]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Fields that belong to another capability."""
        return [
            field
            for capability, fields in FIELDS.items()
            for field in fields
            if not request.user.may(capability)  # type: ignore[union-attr]
        ]

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        form = super().get_form(request, *args, **kwargs)
        form.by = request.user
        return form

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """The one row, also before anybody has saved it."""
        return remembering(SiteSettings.current()) if object_id == "1" else None

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("admin:conversations_sitesettings_change", "1")

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        messages.success(request, _("The settings are kept."))
        return HttpResponseRedirect(request.path)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A changed period counts from tomorrow, so that a slip can be mended."""
        is_changed = bool(set(form.changed_data) & set(KEEPING))
        if is_changed:
            obj.retained_at = timezone.now()
        super().save_model(request, obj, form, change)
        if is_changed:
            messages.warning(request, _told_of_change())

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        before = getattr(request, "row_before", None) or SiteSettings(pk=1)
        self._log(request, obj, "changed", changes(before, obj))

    @action(
        description=gettext_lazy("What would go now"), url_path="preview", permissions=["change"]
    )
    def show_preview(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect("admin:retention")


def _told_of_change() -> str:
    """When the new periods count, and what they would take if it were now."""
    count = sum(row.count for row in retention.preview())
    told = ngettext(
        "The new periods count from this time tomorrow on. Today %(count)d thing would go.",
        "The new periods count from this time tomorrow on. Today %(count)d things would go.",
        count,
    )
    return told % {"count": count}


@own_page("retention/", "retention", Capability.PEOPLE)
def retention_page(request: HttpRequest) -> HttpResponse:
    """Exactly what would go now; a post that says it is sure does it."""
    if request.method == "POST":
        if request.POST.get("sure"):
            _apply(request)
            return redirect("admin:retention")
        messages.error(request, _("Nothing went: tick that you are sure."))
    due = retention.preview()
    context = admin.site.each_context(request) | {
        "title": _("What would go now"),
        "due": due,
        "total": sum(row.count for row in due),
        "back": reverse("admin:conversations_sitesettings_change", args=["1"]),
        "retained_at": SiteSettings.current().retained_at,
    }
    return render(request, "admin/retention.html", context)


def _apply(request: HttpRequest) -> None:
    done = retention.apply(NOW, seconds=NOW_SECONDS, request=request)
    told = ngettext("%(count)d is gone.", "%(count)d are gone.", done.total)
    messages.success(request, told % {"count": done.total})
    if not done.is_complete:
        SiteSettings.objects.filter(pk=1).update(retained_at=None)
        messages.info(request, _("More is due; the server goes on with it by itself."))
