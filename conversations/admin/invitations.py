"""Invitations that are open: who made them, for whom, until when."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from conversations.admin import invitation_pages
from conversations.admin.base import ParleyAdmin
from conversations.models import Capability, OneTimeLink
from conversations.people import inviting


@admin.register(OneTimeLink)
class InvitationAdmin(ParleyAdmin):
    capability = Capability.PEOPLE
    list_display = ("whom", "team", "maker", "created_at", "expires_at")
    list_display_links = None
    list_select_related = ("team", "made_by")
    search_fields = ("email",)
    list_filter = (
        ("team", admin.RelatedOnlyFieldListFilter),
        ("made_by", admin.RelatedOnlyFieldListFilter),
    )
    ordering = ("expires_at",)
    actions = None
    actions_row = ("withdraw",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[OneTimeLink]:
        pks = inviting.open_invitations().values("pk")
        return super().get_queryset(request).filter(pk__in=pks)

    @display(description=_("for"), ordering="email")
    def whom(self, invitation: OneTimeLink) -> str:
        return invitation.email or str(_("Whoever has the link"))

    @display(description=_("made by"))
    def maker(self, invitation: OneTimeLink) -> str:
        by = invitation.made_by
        return by.display_name if by else str(_("the operator"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # withdrawing has a page of its own

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        return invitation_pages.invite(request, allowed=self.has_add_permission(request))

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """There is nothing to change: only the hash of the address is stored."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:conversations_onetimelink_changelist"))

    def has_withdraw_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request)

    @action(description=_("Withdraw"), url_path="withdraw", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return invitation_pages.withdraw(request, self.get_object(request, object_id))
