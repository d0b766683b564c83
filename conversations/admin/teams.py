"""Teams with their members."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import display

from conversations.admin.base import ParleyAdmin
from conversations.models import Capability, Membership, Team, User
from conversations.oversight.auditing import changes, record
from conversations.people import inviting, main_team
from conversations.problems import Refused


class MembersForm(BaseInlineFormSet):  # type: ignore[type-arg]
    """The members; nobody makes themselves one who may not open conversations anyway."""

    by: User

    def clean(self) -> None:
        super().clean()
        if self.by.is_superuser or self.by.may(Capability.READ):
            return
        for form in self.forms:
            joins = (
                form.cleaned_data.get("user") if form.is_valid() and form.has_changed() else None
            )
            if joins == self.by and "user" in form.changed_data:
                raise ValidationError(
                    _(
                        "Ask another administrator to add you: members read the team’s conversations."
                    )
                )


class MembershipInline(TabularInline):
    """Guarded by the team's own list."""

    model = Membership
    formset = MembersForm
    extra = 0
    autocomplete_fields = ("user",)
    verbose_name = _("member")
    hide_title = True

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        formset.by = request.user
        return formset

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return isinstance(request.user, User) and request.user.may(Capability.PEOPLE)

    has_add_permission = has_change_permission = has_delete_permission = has_view_permission


class TeamForm(forms.ModelForm):  # type: ignore[type-arg]
    by: ClassVar[User]

    class Meta:
        model = Team
        fields = ("name", "external_group")
        help_texts = {
            "external_group": _(
                "The group’s name in single sign-on: who is in it becomes a member when they sign in,"
                " and stops being one when they no longer are. Empty: you choose the members here."
            )
        }

    def clean_external_group(self) -> str:
        """Whoever is in the group reads along: it is chosen as invitations into the team are."""
        group: str = self.cleaned_data["external_group"]
        if "external_group" in self.changed_data and self.instance.pk:
            try:
                inviting.check_may_let_read(self.by, self.instance)
            except Refused as refused:
                raise ValidationError(str(refused.detail)) from None
        return group


@admin.register(Team)
class TeamAdmin(ParleyAdmin):
    capability = Capability.PEOPLE
    form = TeamForm
    list_display = ("name", "people", "external_group", "created_at")
    search_fields = ("name", "external_group")
    list_filter = (("external_group", admin.EmptyFieldListFilter),)
    ordering = ("name",)
    actions = None
    inlines = (MembershipInline,)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.by = request.user
        return form

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(count=Count("membership"))

    @display(description=_("members"), ordering="count")
    def people(self, team: Any) -> int:
        return team.count  # type: ignore[no-any-return]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Of the team itself; the members have lines of their own."""
        before = getattr(request, "row_before", None)
        if before is None or changes(before, obj):
            super().log_change(request, obj, message)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Each place that was given, changed or taken has a line in the audit log."""
        formset.save()
        for place in formset.new_objects:
            _note(request, "team.member_added", place, {"role": place.role})
        for place, fields in formset.changed_objects:
            _note(request, "team.member_changed", place, {"role": place.role, "fields": fields})
        for place in formset.deleted_objects:
            _note(request, "team.member_removed", place, {})
        main_team.choose_for_those_who_left(form.instance)


def _note(request: HttpRequest, action: str, place: Membership, detail: dict[str, Any]) -> None:
    told = {"person": place.user.display_name, "person_id": str(place.user_id)}
    record(action, subject=place.team, request=request, detail=told | detail)
