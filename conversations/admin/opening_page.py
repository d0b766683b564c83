"""The way into somebody else's conversation: what is known of it without reading, and the reason."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from conversations.models import Conversation, User
from conversations.people import opening
from conversations.problems import Refused
from conversations.spending import money


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=3,
        max_length=opening.MOST_CHARACTERS,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("It is written into the audit log, with your name and the owner’s."),
    )


def open_conversation(request: HttpRequest, conversation: Any) -> HttpResponse:
    """A post opens it for an hour and goes to its page."""
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            opening.open_for_reading(
                request.user, conversation, form.cleaned_data["reason"], request
            )
        except Refused as refused:
            form.add_error("reason", str(refused.detail))
        else:
            return HttpResponseRedirect(reverse("conversation", args=[conversation.pk]))
    context = admin.site.each_context(request) | {
        "title": _("A conversation of %(name)s") % {"name": conversation.owner.display_name},
        "opts": Conversation._meta,
        "conversation": conversation,
        "cost": money.shown(conversation.cost_nanos or 0),
        "form": form,
        "back": reverse("admin:conversations_conversation_changelist"),
        "back_text": _("Back to the list"),
    }
    return render(request, "admin/people_open.html", context)
