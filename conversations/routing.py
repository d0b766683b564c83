"""Addresses of the socket."""

from django.urls import path, re_path

from conversations.consumers import ConversationSocket, Nowhere

websocket_urlpatterns = [
    path("ws/conversations/<uuid:pk>/", ConversationSocket.as_asgi()),
    re_path(r"^.*$", Nowhere.as_asgi()),
]
