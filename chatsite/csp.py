"""The content security policy: strict everywhere, looser only under /admin/.

The administration's package needs inline scripts and `eval`; no text of a model, a person or a
provider is ever rendered there.
"""

from __future__ import annotations

from typing import Any

from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

ADMIN_UPDATE: dict[str, Any] = {
    "script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}


class Policy(CSPMiddleware):
    """django-csp's middleware with the one exception."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if request.path.startswith("/admin/"):
            parts.update = {**(parts.update or {}), **ADMIN_UPDATE}
        return parts
