"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from conversations.views import (
    costs,
    details,
    keeping,
    own_data,
    pages,
    posts,
    presets,
    security,
    sidebar,
    site,
    usage,
)

TO_SECURITY = RedirectView.as_view(pattern_name="security")
TURN = "conversations/<uuid:pk>/messages/<uuid:message_pk>/"

urlpatterns = [
    path("", pages.home, name="home"),
    path("conversations/", posts.create, name="conversation-create"),
    path("cost/", costs.cost, name="cost"),
    path("conversations/<uuid:pk>/", pages.conversation, name="conversation"),
    path("conversations/<uuid:pk>/messages/", posts.send, name="message-create"),
    path("conversations/<uuid:pk>/rename/", keeping.rename, name="conversation-rename"),
    path("conversations/<uuid:pk>/archive/", keeping.archive, name="conversation-archive"),
    path("conversations/<uuid:pk>/unarchive/", keeping.unarchive, name="conversation-unarchive"),
    path("conversations/<uuid:pk>/delete/", keeping.delete, name="conversation-delete"),
    path("conversations/<uuid:pk>/restore/", keeping.restore, name="conversation-restore"),
    path(TURN, details.message, name="message"),
    path(f"{TURN}details/", details.details, name="message-details"),
    path(f"{TURN}stop/", posts.stop, name="message-stop"),
    path(f"{TURN}retry/", posts.retry, name="message-retry"),
    path(f"{TURN}edit/", posts.edit, name="message-edit"),
    path(f"{TURN}continue/", posts.continue_, name="message-continue"),
    path("sidebar/", sidebar.sidebar, name="sidebar"),
    path("archived/", sidebar.archived, name="archived"),
    path("presets/", presets.listing, name="presets"),
    path("presets/new/", presets.new, name="preset-new"),
    path("presets/create/", presets.create, name="preset-create"),
    path("presets/check/", presets.check, name="preset-check"),
    path("presets/<uuid:pk>/", presets.edit, name="preset-edit"),
    path("presets/<uuid:pk>/delete/", presets.delete, name="preset-delete"),
    path("usage/", usage.usage, name="usage"),
    path("usage/entries.csv", usage.entries, name="usage-entries"),
    path("usage/limits/", usage.set_limits, name="usage-limits"),
    path("usage/requests/", usage.ask, name="usage-requests"),
    path("usage/requests/<uuid:pk>/withdraw/", usage.withdraw, name="usage-withdraw"),
    path("setup/<str:token>/", site.setup, name="setup"),
    path("login/<str:token>/", site.login_link, name="login-link"),
    path("invitation/<str:token>/", site.invitation, name="invitation"),
    path("healthz", site.healthz, name="healthz"),
    path("readyz", site.readyz, name="readyz"),
    path("metrics", site.metrics, name="metrics"),
    path("accounts/security/", security.page, name="security"),
    path("accounts/security/sessions/close/", security.close_others, name="sessions-close"),
    path("accounts/security/sessions/<int:pk>/close/", security.close, name="session-close"),
    # What the package shows on pages of its own stands on that one.
    path("accounts/2fa/", TO_SECURITY),
    path("accounts/2fa/webauthn/", TO_SECURITY),
    path("accounts/sessions/", TO_SECURITY),
    path("accounts/data/", own_data.page, name="own-data"),
    path("accounts/data/file/", own_data.file, name="own-data-file"),
    path("accounts/waiting/", site.waiting, name="account-waiting"),
    path("accounts/", include("allauth.urls")),
    # The administration signs in through the same, limited page as everybody.
    path("admin/login/", RedirectView.as_view(pattern_name="account_login", query_string=True)),
    path("admin/", admin.site.urls),
]
handler429 = "conversations.views.security.too_many"
