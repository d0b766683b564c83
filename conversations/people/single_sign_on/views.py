"""The way to the issuer and back. Whatever goes wrong on it ends on one page of ours."""

from __future__ import annotations

import logging
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.http import Http404, HttpRequest, HttpResponse
from requests import RequestException

from conversations.people.single_sign_on.issuer import Issuer

log = logging.getLogger(__name__)

# What an issuer that is away, or that doesn't keep to the standard, makes of a sign-in.
TROUBLE = (OAuth2Error, RequestException, KeyError, TypeError, ValueError, AttributeError)


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Lead to the issuer; a GET asks first."""
    return _guarded(request, provider_id, OAuth2LoginView)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Back from the issuer, with a code or with a refusal."""
    return _guarded(request, provider_id, OAuth2CallbackView)


def _guarded(request: HttpRequest, provider_id: str, view: Any) -> HttpResponse:
    try:
        return view.adapter_view(Issuer(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except TROUBLE as trouble:
        log.warning("single sign-on failed: %s", type(trouble).__name__)
        provider = get_adapter().get_provider(request, provider_id)
        return render_authentication_error(request, provider, exception=trouble)
