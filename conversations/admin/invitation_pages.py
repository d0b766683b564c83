"""Inviting somebody, and taking an invitation back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
)

from conversations.models import OneTimeLink, Team, User
from conversations.people import inviting, letters
from conversations.problems import Refused

INVITATIONS = "admin:conversations_onetimelink_changelist"


class InvitationForm(forms.Form):
    """For whom, for how long, into which team."""

    email = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        widget=UnfoldAdminEmailInputWidget(attrs={"autofocus": True, "autocomplete": "off"}),
        help_text=gettext_lazy(
            "Only this address can register with it. Empty: whoever has the link, once."
        ),
    )
    team = forms.ModelChoiceField(
        Team.objects.order_by("name"),
        label=gettext_lazy("Team"),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("They become a member, and their spend counts for it."),
    )
    days = forms.IntegerField(
        label=gettext_lazy("Good for so many days"),
        min_value=1,
        max_value=inviting.MOST_DAYS,
        initial=7,
        widget=UnfoldAdminIntegerFieldWidget,
    )


def invite(request: HttpRequest, *, allowed: bool) -> HttpResponse:
    """The form; a post mails the address, or shows it in its own answer: it is stored nowhere."""
    if not allowed:
        raise PermissionDenied
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            token = inviting.invite(request.user, **form.cleaned_data, request=request)
        except Refused as refused:
            form.add_error("email", str(refused.detail))
        else:
            return _invited(request, token, form.cleaned_data)
    context = _context(request, _("Invite somebody")) | {
        "form": form,
        "is_mailed": letters.are_sent(),
    }
    return render(request, "admin/people_invite.html", context)


def _invited(request: HttpRequest, token: str, given: dict[str, Any]) -> HttpResponse:
    address, email = letters.address(request, "invitation", token), given["email"]
    if email and letters.invitation(email, address, given["days"], request):
        messages.success(request, _("The invitation was sent to %(email)s.") % {"email": email})
        return HttpResponseRedirect(reverse(INVITATIONS))
    context = _context(request, _("An invitation")) | {"address": address}
    for_whom = (
        _("Send this link to %(email)s.") % {"email": email} if email else _("Hand over this link.")
    )
    until = _("One person can register with it within %(days)d days.") % {"days": given["days"]}
    context["says"] = f"{for_whom} {until}"
    answer = render(request, "admin/people_link.html", context)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def withdraw(request: HttpRequest, invitation: OneTimeLink | None) -> HttpResponse:
    """Asks once; then the link opens nothing any more."""
    if invitation is None:
        raise Http404
    if request.method != "POST":
        title = _("Withdraw the invitation?")
        context = _context(request, title) | {"invitation": invitation}
        return render(request, "admin/people_withdraw.html", context)
    assert isinstance(request.user, User)
    try:
        inviting.withdraw(request.user, invitation, request)
        messages.success(
            request, _("The invitation is withdrawn: its link opens nothing any more.")
        )
    except Refused as refused:
        messages.error(request, str(refused.detail))
    return HttpResponseRedirect(reverse(INVITATIONS))


def _context(request: HttpRequest, title: str) -> dict[str, Any]:
    return admin.site.each_context(request) | {
        "title": title,
        "opts": OneTimeLink._meta,
        "back": reverse(INVITATIONS),
        "back_text": _("Back to the invitations"),
    }
