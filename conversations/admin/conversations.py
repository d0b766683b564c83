"""Others' conversations, for administrators who may read them: never a title, never a word of them.

A conversation is read on its own page, after a reason was given and written into the audit log.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from conversations.admin import opening_page
from conversations.admin.base import ParleyAdmin
from conversations.admin.filters import PeriodFilter
from conversations.models import Capability, Conversation, LedgerEntry
from conversations.spending import money


class ActiveFilter(PeriodFilter):
    title = _("last active")  # type: ignore[assignment]
    column = "active_at"


@admin.register(Conversation)
class ConversationAdmin(ParleyAdmin):
    capability = Capability.READ
    list_display = ("whose", "team", "created_at", "last_active", "messages_count", "cost")
    list_select_related = ("owner", "team")
    list_filter = (ActiveFilter,)
    search_fields = (
        "owner__username",
        "owner__first_name",
        "owner__last_name",
        "owner__email",
        "team__name",
    )
    search_help_text = _("Names of people and teams; what was said is never searched here.")
    ordering = ("-active_at",)
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversation]:
        charged = LedgerEntry.objects.filter(conversation_id=OuterRef("pk")).order_by()
        sums = charged.values("conversation_id").annotate(total=Sum("cost_nanos"))
        rows = super().get_queryset(request).filter(deleted_at=None).defer("title")
        return rows.annotate(cost_nanos=Subquery(sums.values("total")[:1]))

    @display(description=_("owner"), ordering="owner__username")
    def whose(self, conversation: Conversation) -> str:
        return conversation.owner.display_name

    @display(description=_("last active"), ordering="active_at")
    def last_active(self, conversation: Conversation) -> datetime:
        return conversation.active_at

    @display(description=_("messages"), ordering="last_sequence")
    def messages_count(self, conversation: Conversation) -> int:
        return conversation.last_sequence

    @display(description=_("cost"), ordering="cost_nanos")
    def cost(self, conversation: Any) -> str:
        return money.shown(conversation.cost_nanos or 0)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """What is known of it without reading, and the way in."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        conversation = self.get_object(request, object_id)
        if conversation is None:
            raise Http404
        return opening_page.open_conversation(request, conversation)
