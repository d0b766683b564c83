"""The administration's site: for administrators; to everybody else who is signed in it isn't there."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.admin import sites
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from unfold.apps import DefaultAppConfig
from unfold.sites import UnfoldAdminSite

View = Callable[..., HttpResponseBase]
OURS = "conversations."


class ParleySite(UnfoldAdminSite):
    """The package's site with our answers."""

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Only lists of our own: those of packages go by Django's permissions, ours by capabilities."""
        if admin_class is not None and admin_class.__module__.startswith(OURS):
            super().register(model_or_iterable, admin_class, **options)

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """A stranger is asked to sign in; a member gets the page of what isn't there."""
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def quiet(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.user.is_authenticated and not self.has_permission(request):
                return render(request, "404.html", status=404)
            return guarded(request, *args, **kwargs)

        return quiet

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Administrators change their password where everybody does."""
        return redirect("account_change_password")

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_change_password")


class Administration(DefaultAppConfig):
    """The package, with our site in the place of its own."""

    default = False

    def ready(self) -> None:
        admin.site = sites.site = ParleySite()  # type: ignore[assignment]
