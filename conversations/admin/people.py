"""People: who they are, what they may do, and how they stand; what is done with them has its own pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from conversations.admin import leaving_pages, people_pages, session_pages
from conversations.admin.base import ParleyAdmin
from conversations.admin.people_filters import CapabilityFilter, StandingFilter, TeamFilter
from conversations.admin.people_form import GIVEN, PersonForm
from conversations.models import Capability, DailySum, User
from conversations.models.people import Standing
from conversations.oversight.auditing import changes, record
from conversations.people import addresses
from conversations.people import standing as people
from conversations.problems import Refused
from conversations.spending import money

DEEDS = (
    "approve",
    "suspend",
    "reinstate",
    "reset",
    "sessions",
    "second_factor",
    "export",
    "anonymise",
    "remove",
)
# What can be done with whom.
POSSIBLE: dict[str, tuple[str, ...]] = {
    Standing.ACTIVE: ("suspend", "reset", "sessions", "second_factor", "export"),
    Standing.WAITING: ("approve", "remove"),
    Standing.SUSPENDED: ("reinstate", "second_factor", "export", "anonymise", "remove"),
    Standing.FORMER: (),
}
COLOURS = {
    Standing.ACTIVE: "success",
    Standing.WAITING: "warning",
    Standing.SUSPENDED: "danger",
    Standing.FORMER: "default",
}


@admin.register(User)
class PersonAdmin(ParleyAdmin):
    capability = Capability.PEOPLE
    form = PersonForm
    list_display = ("name", "email", "state", "may", "in_teams", "spend", "seen")
    csv_fields = (
        "name",
        "username",
        "email",
        "state",
        "may",
        "in_teams",
        "spend",
        "seen",
        "date_joined",
    )
    list_filter = (StandingFilter, CapabilityFilter, TeamFilter)
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("-date_joined",)
    actions = None
    readonly_fields = ("state", "date_joined", "seen", "spend", "factors")
    fieldsets = (
        (_("Person"), {"fields": ("username", ("first_name", "last_name"), "email")}),
        (
            _("May"),
            {
                "fields": (
                    ("may_people", "may_providers"),
                    ("may_spend", "may_read"),
                    "is_superuser",
                )
            },
        ),
        (_("Spend"), {"fields": ("main_team", "spend")}),
        (_("Account"), {"fields": ("state", "date_joined", "seen", "factors")}),
    )
    actions_list = ("invite",)
    actions_detail = DEEDS

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With the month's spend and the last use, in the same query."""
        first = timezone.localdate().replace(day=1)
        mine = DailySum.objects.filter(
            of=DailySum.Of.PERSON, subject_id=OuterRef("pk"), day__gte=first
        )
        sums = mine.order_by().values("subject_id").annotate(total=Sum("cost_nanos"))
        seen = UserSession.objects.filter(user=OuterRef("pk")).order_by("-last_seen_at")
        rows = super().get_queryset(request).prefetch_related("teams")
        return rows.annotate(
            spent=Coalesce(Subquery(sums.values("total")[:1]), 0),
            seen_at=Coalesce(Subquery(seen.values("last_seen_at")[:1]), "last_login"),
        )

    @display(description=_("name"), ordering="username")
    def name(self, person: User) -> str:
        return person.display_name

    @display(
        description=_("state"),
        label={Standing(key).label: colour for key, colour in COLOURS.items()},
    )
    def state(self, person: User) -> str:
        return str(person.standing.label)

    @display(description=_("may"))
    def may(self, person: User) -> str:
        if person.is_superuser:
            reads = [Capability.READ.label] if person.may_read else []
            return ", ".join(map(str, [_("superuser"), *reads]))
        given = [name for name in people.given_to(person) if name != people.SUPERUSER]
        return ", ".join(str(Capability(name).label) for name in given) or "–"

    @display(description=_("teams"))
    def in_teams(self, person: User) -> str:
        return ", ".join(sorted(team.name for team in person.teams.all())) or "–"

    @display(description=_("this month"), ordering="spent")
    def spend(self, person: Any) -> str:
        return money.shown(person.spent)

    @display(description=_("last seen"), ordering="seen_at")
    def seen(self, person: Any) -> datetime | None:
        return person.seen_at  # type: ignore[no-any-return]

    @display(description=_("second factor"))
    def factors(self, person: User) -> str:
        kinds = Authenticator.objects.filter(user=person).exclude(
            type=Authenticator.Type.RECOVERY_CODES
        )
        return ", ".join(sorted({str(factor.get_type_display()) for factor in kinds})) or "–"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # people are invited

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a page of its own asks about their conversations

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not super().has_change_permission(request, obj):
            return False
        return not isinstance(obj, User) or _is_allowed(people.check_may_change, request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """What the administrator can't give isn't there to be ticked."""
        by = request.user
        assert isinstance(by, User)
        if by.is_superuser:
            return self.readonly_fields
        held = {f"may_{name}" for name in by.capabilities if name != Capability.READ}
        return [*self.readonly_fields, *(name for name in GIVEN if name not in held)]

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        if field := form.base_fields.get("main_team"):
            for link in ("add", "change", "delete", "view"):
                setattr(field.widget, f"can_{link}_related", False)
        return form

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        by, person = request.user, User.objects.get(pk=obj.pk)
        assert isinstance(by, User)
        # What this form didn't change stays as it is by now.
        kept = [name for name in GIVEN if name not in form.changed_data]
        form.cleaned_data |= {name: getattr(person, name) for name in kept}
        try:
            people.set_capabilities(by, person, form.chosen(), request)
        except Refused as refused:  # what was allowed when the form was checked
            raise PermissionDenied(str(refused.detail)) from None
        stored = User.objects.select_for_update().get(pk=obj.pk)
        for name in GIVEN:
            setattr(obj, name, getattr(stored, name))
        if "email" in form.changed_data:
            addresses.trust(person, obj.email)
        super().save_model(request, obj, form, change)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Capabilities have a line of their own."""
        before = getattr(request, "row_before", None)
        changed = {k: v for k, v in changes(before, obj).items() if k not in (*GIVEN, "is_staff")}
        if before is not None and changed:
            record("person.changed", subject=obj, request=request, detail=changed)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """What can be done with somebody who stands like this."""
        person = self.get_object(request, str(object_id))
        possible = set(POSSIBLE[person.standing] if person else ())
        if not Authenticator.objects.filter(user=person).exists():
            possible -= {"second_factor"}
        names = {self.get_unfold_action(name).action_name for name in possible}
        return [
            deed
            for deed in super().get_actions_detail(request, object_id)
            if deed.action_name in names
        ]

    @action(description=_("Invite somebody"), url_path="invite", permissions=["change"])
    def invite(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:conversations_onetimelink_add"))

    @action(description=_("Approve"), url_path="approve", permissions=["change"])
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return people_pages.approve(request, self.get_object(request, object_id))

    @action(description=_("Suspend"), url_path="suspend", permissions=["change"])
    def suspend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return people_pages.suspend(request, self.get_object(request, object_id))

    @action(description=_("Reinstate"), url_path="reinstate", permissions=["change"])
    def reinstate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return people_pages.reinstate(request, self.get_object(request, object_id))

    @action(description=_("Reset password"), url_path="reset", permissions=["change"])
    def reset(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return people_pages.reset(request, self.get_object(request, object_id))

    @action(description=_("Sessions"), url_path="sessions", permissions=["change"])
    def sessions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return session_pages.sessions(request, self.get_object(request, object_id))

    @action(description=_("Remove second factor"), url_path="second-factor", permissions=["change"])
    def second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return people_pages.second_factor(request, self.get_object(request, object_id))

    @action(description=_("Export"), url_path="export", permissions=["change"])
    def export(self, request: HttpRequest, object_id: str) -> Any:
        return leaving_pages.export(request, self.get_object(request, object_id))

    @action(description=_("Anonymise"), url_path="anonymise", permissions=["change"])
    def anonymise(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return leaving_pages.anonymise(request, self.get_object(request, object_id))

    @action(description=_("Delete"), url_path="remove", permissions=["change"])
    def remove(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return leaving_pages.delete(request, self.get_object(request, object_id))


def _is_allowed(check: Any, request: HttpRequest, person: User) -> bool:
    try:
        check(request.user, person)
    except Refused:
        return False
    return True
