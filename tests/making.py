"""Rows for tests, each made with what matters and nothing else. People: Alice, Bob, Charlie."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from conversations import turns
from conversations.models import (
    NANOS,
    Access,
    Budget,
    Completion,
    Conversation,
    Kind,
    LanguageModel,
    Membership,
    Message,
    Part,
    Preset,
    Price,
    Provider,
    Role,
    State,
    Team,
    User,
)
from conversations.models.base import new_id
from conversations.presets.offering import new_version
from conversations.rendering import RENDERER_VERSION, render

PASSWORD = "a long and quiet word"


def person(name: str = "alice", **fields: object) -> User:
    """A person whose address is at example.com and whose password is `PASSWORD`."""
    return User.objects.create_user(
        name, f"{name}@example.com", PASSWORD, **{"first_name": name.title()} | fields
    )


def people() -> tuple[User, User, User]:
    """Alice, Bob and Charlie."""
    return person("alice"), person("bob"), person("charlie")


def provider(name: str = "Somewhere", **fields: object) -> Provider:
    return Provider.objects.create(name=name, **{"kind": Kind.DEMO} | fields)


def model(
    name: str = "small", *, price: tuple[str, str] | None = None, at: Provider | None = None
) -> LanguageModel:
    """A model, with its price in dollars per million tokens in and out."""
    here = at or Provider.objects.first() or provider()
    made = LanguageModel.objects.create(provider=here, name=name)
    if price is not None:
        set_price(made, *price)
    return made


def set_price(of: LanguageModel, dollars_in: str, dollars_out: str, **fields: object) -> Price:
    """A price that has counted for a minute."""
    since = timezone.now() - timedelta(minutes=1)
    return Price.objects.create(
        model=of,
        input_nanos_per_million=int(Decimal(dollars_in) * NANOS),
        output_nanos_per_million=int(Decimal(dollars_out) * NANOS),
        **{"valid_from": since} | fields,
    )


def preset(
    name: str = "Small",
    *models: LanguageModel,
    parameters: dict[str, object] | None = None,
    system_text: str = "",
    **fields: object,
) -> Preset:
    """A preset of these models (a new one without a price); the first preset is the default."""
    is_default = not Preset.objects.filter(is_default=True).exists()
    made = Preset.objects.create(
        name=name, slug=name.lower().replace(" ", "-"), **{"is_default": is_default} | fields
    )
    chosen = list(models) or [model(name.lower())]
    new_version(made, chosen, parameters=parameters, system_text=system_text)
    return made


def team(*editors: User, readers: tuple[User, ...] = ()) -> Team:
    made = Team.objects.create(name="Team")
    for user in editors:
        Membership.objects.create(team=made, user=user, role=Role.EDITOR)
    for user in readers:
        Membership.objects.create(team=made, user=user, role=Role.READER)
    return made


def share(conversation: Conversation, user: User, role: str = Role.READER) -> Access:
    return Access.objects.create(conversation=conversation, user=user, role=role)


def conversation(owner: User, **fields: object) -> Conversation:
    return Conversation.objects.create(owner=owner, **{"title": "A talk"} | fields)


def say(
    where: Conversation, author: User, text: str = "Hello", parent: Message | None = None
) -> Message:
    """A person's message."""
    message = Message.objects.create(
        conversation=where,
        parent=parent,
        author=author,
        role=Message.Role.USER,
        sequence=Conversation.objects.give_out_sequences(where.pk, 1),
    )
    Part.objects.create(message=message, text=text)
    return message


@transaction.atomic
def reply(
    to: Message,
    text: str = "Good day",
    state: str = State.DONE,
    by: Preset | None = None,
    **fields: object,
) -> Message:
    """A reply to `to`, with the completion that wrote it."""
    chosen = by or Preset.objects.first() or preset()
    pk = new_id()
    completion = Completion.objects.create(
        conversation_id=to.conversation_id,
        lead_id=pk,
        asked_by=to.author,
        client_id=pk.hex,
        preset_version=chosen.version,
        parameters=chosen.version.parameters,
        **_standing(state) | fields,
    )
    message = Message.objects.create(
        pk=pk,
        conversation_id=to.conversation_id,
        parent=to,
        role=Message.Role.ASSISTANT,
        completion=completion,
        sequence=Conversation.objects.give_out_sequences(to.conversation_id, 1),
    )
    if text:
        html = render(text, f"{message.key}-0")
        Part.objects.create(
            message=message, text=text, html=html, renderer_version=RENDERER_VERSION
        )
    return message


def _standing(state: str) -> dict[str, object]:
    """The columns that go with a state."""
    now = timezone.now()
    if state == State.QUEUED:
        return {"state": state}
    if state == State.RUNNING:
        lease = now + timedelta(seconds=20)
        return {"state": state, "claim": new_id(), "lease_until": lease, "started_at": now}
    return {"state": state, "finished_at": now}


def talk(owner: User, exchanges: int = 1, **fields: object) -> Conversation:
    """A conversation of so many questions with their answers, in one line."""
    made = conversation(owner, **fields)
    last = None
    for number in range(exchanges):
        last = reply(say(made, owner, f"Question {number}", last), f"Answer {number}")
    return made


def asked(author: User, text: str = "Hello", *, preset: str = "", **rest: object) -> turns.Turn:
    """A sent message whose reply is queued: in a new conversation, or in `conversation_id`."""
    verb = turns.send if "conversation_id" in rest else turns.start
    return verb(author=author, text=text, preset=preset, **{"client_id": new_id().hex} | rest)


def budget(dollars: str, scope: str = "site", **fields: object) -> Budget:
    """A hard budget of a month, unless said otherwise."""
    nanos = int(Decimal(dollars) * NANOS)
    return Budget.objects.create(scope=scope, amount_nanos=nanos, **fields)


def text_of(message_id: UUID) -> str:
    """The stored text of a message."""
    parts = Part.objects.filter(message=message_id).order_by("index")
    return "".join(parts.values_list("text", flat=True))
