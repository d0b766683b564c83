"""What all lists of the administration share: who may see them, and what is logged of them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from conversations.auditing import changes, record
from conversations.models import Capability, User


class ParleyAdmin(ModelAdmin):
    """A list for administrators with `capability`; each change goes into the audit log.

    `view_capabilities`: others who may look, but not change.
    """

    capability: ClassVar[str] = Capability.PROVIDERS
    view_capabilities: ClassVar[tuple[str, ...]] = ()
    list_per_page = 50
    show_full_result_count = False

    def _may(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.may(self.capability)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if self._may(request):
            return True
        user = request.user
        return isinstance(user, User) and any(user.may(name) for name in self.view_capabilities)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Remember what the row was before it is changed."""
        before = self.model._default_manager.filter(pk=form.instance.pk).first() if change else None
        request.row_before = before  # type: ignore[attr-defined]
        return super().save_form(request, form, change)

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        self._log(request, obj, "added", changes(None, obj))

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        before = getattr(request, "row_before", None)
        self._log(request, obj, "changed", changes(before, obj) if before else {})

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._log(request, obj, "deleted", {})

    def _log(self, request: HttpRequest, obj: models.Model, deed: str, detail: Any) -> None:
        record(f"{obj._meta.model_name}.{deed}", subject=obj, request=request, detail=detail)
