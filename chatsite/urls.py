"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from conversations.views import details, keeping, pages, posts, sidebar, site

TURN = "conversations/<uuid:pk>/messages/<uuid:message_pk>/"

urlpatterns = [
    path("", pages.home, name="home"),
    path("conversations/", posts.create, name="conversation-create"),
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
    path("setup/<str:token>/", site.setup, name="setup"),
    path("login/<str:token>/", site.login_link, name="login-link"),
    path("invitation/<str:token>/", site.invitation, name="invitation"),
    path("healthz", site.healthz, name="healthz"),
    path("readyz", site.readyz, name="readyz"),
    path("metrics", site.metrics, name="metrics"),
    path("accounts/", include("allauth.urls")),
    # The administration signs in through the same, limited page as everybody.
    path("admin/login/", RedirectView.as_view(pattern_name="account_login", query_string=True)),
    path("admin/", admin.site.urls),
]
