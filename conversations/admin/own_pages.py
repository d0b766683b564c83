"""Pages of the administration that belong to no list: their addresses, and who may open them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path

from conversations.models import User

View = Callable[..., HttpResponseBase]
pages: list[URLPattern] = []


def own_page(route: str, name: str, *capabilities: str) -> Callable[[View], View]:
    """Serve the view at `/admin/route` as `admin:name`, to administrators with one of these."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = request.user
            if not (isinstance(user, User) and any(map(user.may, capabilities))):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        pages.append(path(route, admin.site.admin_view(guarded), name=name))
        return guarded

    return decorate


# The administration's package asks for these where its site is served.
admin.site.extra_urls = lambda: pages  # type: ignore[attr-defined]
