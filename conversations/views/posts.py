"""Posts that make or change a turn. Each calls one verb, starts what it queued, and answers."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.urls import reverse

from conversations import process, turns
from conversations.engine.frames import Expected, Introduced, running
from conversations.models import Message, State
from conversations.problems import Conflict, NotFound
from conversations.views.answering import (
    PersonRequest,
    answers,
    limit_sends,
    uuid_or_none,
    wants_json,
)
from conversations.views.fragments import articles_html
from conversations.views.pages import room
from conversations.views.presenting import ShownMessage, present, shown, thread_of


@answers("POST")
def create(request: PersonRequest) -> HttpResponse:
    """Begin a conversation with its first message."""
    limit_sends(request)
    turn = turns.start(
        author=request.user,
        client_id=request.POST.get("client_id", ""),
        text=request.POST.get("text", ""),
        preset=request.POST.get("preset", ""),
        claim=process.new_claim(),
    )
    process.begin(turn)
    if wants_json(request):
        return turn_json(turn)
    address = reverse("conversation", args=[turn.conversation.pk])
    if not request.htmx:
        return see(address)
    thread = thread_of(turn.conversation)
    assert thread is not None
    response = room(request, turn.conversation, thread, status=201)
    response.headers["HX-Push-Url"] = address
    return response


@answers("POST")
def send(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Add a message and ask for a reply."""
    limit_sends(request)
    turn = turns.send(
        author=request.user,
        client_id=request.POST.get("client_id", ""),
        conversation_id=pk,
        text=request.POST.get("text", ""),
        preset=request.POST.get("preset", ""),
        parent_id=uuid_or_none(request.POST.get("parent", "")),
        branch=bool(request.POST.get("branch")),
        claim=process.new_claim(),
    )
    return _begun(request, turn)


@answers("POST")
def retry(request: PersonRequest, pk: UUID, message_pk: UUID) -> HttpResponse:
    """Another reply beside this one."""
    limit_sends(request)
    _belongs(request, pk, message_pk)
    turn = turns.retry(
        author=request.user,
        client_id=request.POST.get("client_id", ""),
        message_id=message_pk,
        preset=request.POST.get("preset", ""),
        repair=bool(request.POST.get("repair")),
        claim=process.new_claim(),
    )
    return _begun(request, turn, whole=True)


@answers("POST")
def edit(request: PersonRequest, pk: UUID, message_pk: UUID) -> HttpResponse:
    """Another wording of one's own message, with a reply of its own."""
    limit_sends(request)
    _belongs(request, pk, message_pk)
    turn = turns.edit(
        author=request.user,
        client_id=request.POST.get("client_id", ""),
        message_id=message_pk,
        text=request.POST.get("text", ""),
        preset=request.POST.get("preset", ""),
        claim=process.new_claim(),
    )
    return _begun(request, turn, whole=True)


@answers("POST")
def continue_(request: PersonRequest, pk: UUID, message_pk: UUID) -> HttpResponse:
    """Let a reply that broke off go on."""
    limit_sends(request)
    _belongs(request, pk, message_pk)
    turn = turns.continue_(
        author=request.user,
        client_id=request.POST.get("client_id", ""),
        message_id=message_pk,
        preset=request.POST.get("preset", ""),
        claim=process.new_claim(),
    )
    if turn.created:
        process.tell(running(pk, message_pk, turn.completion.pk))
    return _begun(request, turn)


@answers("POST")
def stop(request: PersonRequest, pk: UUID, message_pk: UUID) -> HttpResponse:
    """Stop the reply, wherever it is written."""
    _belongs(request, pk, message_pk)
    completion = turns.stop(user=request.user, message_id=message_pk)
    process.stop(completion.pk)
    if completion.state == State.STOPPED and completion.started_at is None:
        process.tell_state(pk, message_pk, State.STOPPED, completion.facts())
    if wants_json(request):
        replies = completion.replies.order_by("choice").values_list("pk", flat=True)
        body = {
            "conversation": str(pk),
            "message": str(completion.lead.parent_id),
            "replies": [str(reply) for reply in replies],
        }
        return JsonResponse(body)
    if request.htmx:
        return HttpResponse(status=204)
    return see(reverse("conversation", args=[pk]))


def _belongs(request: PersonRequest, pk: UUID, message_pk: UUID) -> None:
    """Both ids of an address have to fit together."""
    rows = Message.objects.visible_to(request.user)
    if not rows.filter(pk=message_pk, conversation=pk).exists():
        raise NotFound


def _begun(request: PersonRequest, turn: turns.Turn, *, whole: bool = False) -> HttpResponse:
    """Start what was queued, show what is new to others, and answer with the new turn."""
    html = ""
    if turn.created and process.is_watched(turn.conversation.pk):
        messages = [message.pk for message in _messages(turn)]
        process.tell(Expected(turn.conversation.pk, [reply.pk for reply in turn.replies]))
        process.begin(turn)
        html = articles_html(_articles(turn))
        process.tell(Introduced(turn.conversation.pk, messages, html))
    else:
        process.begin(turn)
    status = 201 if turn.created else 200
    if wants_json(request):
        return turn_json(turn)
    address = reverse("conversation", args=[turn.conversation.pk])
    if not request.htmx:
        return see(f"{address}?at={turn.replies[0].pk}")
    if whole:
        thread = thread_of(turn.conversation, at=turn.replies[0].pk)
        if thread is None:
            raise Conflict
        return room(request, turn.conversation, thread, status=status)
    return HttpResponse(html or articles_html(_articles(turn)), status=status)


def _messages(turn: turns.Turn) -> list[Message]:
    return [turn.message, *turn.replies] if turn.message else turn.replies


def _articles(turn: turns.Turn) -> list[ShownMessage]:
    """The turn's messages; of a new message and its reply everything is known already."""
    if turn.part is None or not turn.created or turn.branches:
        return shown([message.pk for message in _messages(turn)])
    assert turn.message is not None
    said = present(turn.message, [turn.part], [turn.message.pk])
    replies = [reply.pk for reply in turn.replies]
    return [said, *(present(reply, [], replies, len(replies)) for reply in turn.replies)]


def turn_json(turn: turns.Turn) -> HttpResponse:
    """The contract's answer for programs."""
    body = {
        "conversation": str(turn.conversation.pk),
        "message": str(turn.message.pk) if turn.message else None,
        "replies": [str(reply.pk) for reply in turn.replies],
    }
    return JsonResponse(body, status=201 if turn.created else 200)


def see(address: str) -> HttpResponse:
    """On to a page after a form post without a script."""
    return HttpResponse(status=303, headers={"Location": address})
