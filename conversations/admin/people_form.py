"""A person's form: who they are, and what they may."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from conversations.models import Capability, Team, User
from conversations.people import addresses
from conversations.people import standing as people
from conversations.problems import Refused

GIVEN = ("is_superuser", "may_people", "may_providers", "may_spend", "may_read")


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """A person, as far as whoever fills it in may change them."""

    by: ClassVar[User]

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "main_team", *GIVEN)
        labels: ClassVar = {"is_superuser": _("superuser")}
        help_texts: ClassVar = {
            "username": _("What they sign in with, beside their address."),
            "main_team": _("Private conversations count for this team’s budget."),
            "is_superuser": _("Has all capabilities but reading, and alone decides who has that."),
            "may_read": _(
                "Each use asks for a reason, ends after an hour and is in the audit log."
            ),
        }

    def chosen(self) -> list[str]:
        """The capabilities as they would be: ticked ones, and those that this form doesn't change."""
        instance = self.instance
        ticked = {name: self.cleaned_data.get(name, getattr(instance, name)) for name in GIVEN}
        names = [name for name in Capability.values if ticked[f"may_{name}"]]
        return [people.SUPERUSER, *names] if ticked["is_superuser"] else names

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if email and addresses.is_taken(email, but=self.instance):
            raise ValidationError(_("Somebody else has this address."))
        return email

    def clean_main_team(self) -> Team | None:
        team: Team | None = self.cleaned_data["main_team"]
        if team and not team.members.filter(pk=self.instance.pk).exists():
            raise ValidationError(_("They are no member of this team."))
        return team

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            person = User.objects.get(pk=self.instance.pk)
            people.check_capabilities(self.by, person, self.chosen())
        except Refused as refused:
            self.add_error(None, str(refused.detail))
        return cleaned
