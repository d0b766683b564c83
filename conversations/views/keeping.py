"""Posts that keep order: rename, archive, delete and take back."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from conversations import process, turns
from conversations.engine.frames import Gone, Shown
from conversations.models import Conversation
from conversations.problems import Conflict, Invalid, NotFound
from conversations.views.answering import PersonRequest, answers, wants_json
from conversations.views.fragments import title_html
from conversations.views.posts import see


@answers("POST")
def rename(request: PersonRequest, pk: UUID) -> HttpResponse:
    """A title of one's own choice; a stale version gets 409 with the present title."""
    title = " ".join(request.POST.get("title", "").split()).replace("\x00", "")
    if not 1 <= len(title) <= 200:
        raise Invalid(_("A title has 1 to 200 characters."))
    rows = Conversation.objects.managed_by(request.user).filter(pk=pk)
    conversation = rows.first()
    if conversation is None:
        raise NotFound
    known = request.POST.get("version", "")
    if known.isdecimal() and len(known) < 10:
        rows = rows.filter(version=int(known))
    if not rows.update(title=title, title_is_chosen=True, version=F("version") + 1):
        raise Conflict(conversation.title, code="renamed")
    conversation.refresh_from_db(fields=["title", "version"])
    html = title_html(pk, title, conversation.version)
    process.tell(Shown(pk, html))
    if wants_json(request):
        return JsonResponse({"title": title, "version": conversation.version})
    if request.htmx:
        return HttpResponse(html)
    return see(reverse("conversation", args=[pk]))


@answers("POST")
def archive(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Put a conversation out of the way."""
    return _change(request, pk, archived_at=timezone.now())


@answers("POST")
def unarchive(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Bring it back into the list."""
    return _change(request, pk, archived_at=None)


@answers("POST")
def delete(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Delete; for a little while it can be taken back. Replies that run are stopped."""
    response = _change(request, pk, deleted_at=timezone.now())
    for completion in turns.stop_all(user=request.user, conversation_id=pk):
        process.stop(completion)
    process.tell(Gone(pk))
    return response


@answers("POST")
def restore(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Take a deletion back."""
    if not Conversation.objects.restorable_by(request.user).filter(pk=pk).update(deleted_at=None):
        raise NotFound
    return _done(request)


def _change(request: PersonRequest, pk: UUID, **values: object) -> HttpResponse:
    if not Conversation.objects.managed_by(request.user).filter(pk=pk).update(**values):
        raise NotFound
    return _done(request)


def _done(request: PersonRequest) -> HttpResponse:
    if request.htmx or wants_json(request):
        return HttpResponse(status=204)
    wanted = request.POST.get("next", "")
    inside = url_has_allowed_host_and_scheme(wanted, {request.get_host()})
    return see(wanted if inside else reverse("home"))
