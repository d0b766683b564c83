"""Alerts: what administrators should know of. Each sees those of their own capabilities."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from conversations.admin.base import ParleyAdmin
from conversations.admin.filters import ChoiceFilter, LongList, PeriodFilter
from conversations.models import Alert, Capability, User
from conversations.oversight import attention
from conversations.oversight.auditing import record

OPEN, CLOSED = "open", "closed"


class AlertPeriod(PeriodFilter):
    column = "last_at"


class StateFilter(ChoiceFilter):
    title, parameter_name = _("state"), "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [(OPEN, _("Open")), (CLOSED, _("Closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in (OPEN, CLOSED):
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == OPEN)


class KindFilter(ChoiceFilter):
    title, parameter_name = _("kind"), "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return Alert.Kind.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Alert)
class AlertAdmin(ParleyAdmin):
    """Open ones can be closed; what happens again opens a new one."""

    capability = Capability.SPEND
    view_capabilities = (Capability.PROVIDERS, Capability.PEOPLE)
    list_display = ("kind", "subject_name", "detail", "count", "first_at", "last_at", "standing")
    csv_fields = (
        "kind", "subject_name", "detail", "count", "first_at", "last_at", "closed_at", "closed_by",
    )  # fmt: skip
    list_filter = (AlertPeriod, StateFilter, KindFilter)
    list_filter_submit = True
    list_before_template = "admin/period_chips.html"
    search_fields = ("subject_name", "detail")
    search_help_text = _("Whom or what it is about")
    fields = (
        "kind", "subject_name", "detail", "count", "first_at", "last_at", "closed_at", "closed_by",
    )  # fmt: skip
    actions = ("close_selected",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        rows: QuerySet[Alert] = super().get_queryset(request)
        return rows & _of(request)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(close)
        return [path("<int:pk>/close/", view, name="close_alert"), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[LongList]:
        return LongList

    @display(description=_("state"))
    def standing(self, alert: Alert) -> str:
        """Who closed it, or the button that does; the list's form carries the token."""
        if alert.closed_at:
            return (
                _t("closed by %(name)s") % {"name": alert.closed_by}
                if alert.closed_by
                else _t("over")
            )
        return format_html(
            '<button class="parley-quiet" type="submit" formaction="{}">{}</button>',
            reverse("admin:close_alert", args=[alert.pk]),
            _t("Close"),
        )

    @admin.action(description=_("Close"), permissions=["view"])
    def close_selected(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        for alert in queryset.filter(closed_at=None):
            _close(request, alert)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Close one, and go back to where the button was."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    _close(request, get_object_or_404(_of(request), pk=pk))
    is_board = request.POST.get("next") == "board"
    return redirect("admin:index" if is_board else "admin:conversations_alert_changelist")


def _of(request: HttpRequest) -> QuerySet[Alert]:
    user = request.user
    return attention.concerning(user.capabilities if isinstance(user, User) else ())


@transaction.atomic
def _close(request: HttpRequest, alert: Alert) -> None:
    """Of several that close it at once, one is the one who did."""
    assert isinstance(request.user, User)
    rows = Alert.objects.filter(pk=alert.pk, closed_at=None)
    if rows.update(closed_at=timezone.now(), closed_by=request.user.display_name):
        name = f"{alert.get_kind_display()}: {alert.subject_name}"
        record("alert.closed", subject=alert, request=request, name=name)
        messages.success(request, _t("Closed: %(name)s") % {"name": alert.subject_name})
