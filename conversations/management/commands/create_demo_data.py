"""`create_demo_data`: people and conversations in bulk, for trying things out and for measuring."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import islice
from typing import Any

from django.contrib.auth.hashers import make_password
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from conversations.models import (
    Completion,
    Conversation,
    Message,
    Part,
    Preset,
    PresetVersion,
    State,
    User,
)
from conversations.models.base import new_id
from conversations.preparing import first_provider, migrate
from conversations.rendering import RENDERER_VERSION, render

BATCH = 5_000
QUESTIONS = (
    "How do we rotate the keys?",
    "Why is the nightly job slow?",
    "Plan the release, please.",
    "What does this error mean?",
    "Name the new service.",
    "Explain Raft to a new colleague.",
    "Write a query for the last order per customer.",
    "Shorten this text for the newsletter.",
)
ANSWER = """Here is a short way:

1. Look at what changed **last week**.
2. Measure before and after, with `time`.

```python
def total(rows):
    return sum(row["amount"] for row in rows)
```

| step | minutes |
|---|--:|
| look | 5 |
| measure | {number} |
"""


class Command(BaseCommand):
    """Deterministic by `--seed`; people are called user1, user2 and so on."""

    help = "Create people with conversations. Meant for a site that is tried out or measured."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--users", type=int, default=1)
        parser.add_argument("--conversations", type=int, default=10, help="in all")
        parser.add_argument("--messages", type=int, default=10, help="in each conversation")
        parser.add_argument("--password", default="")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, users: int, conversations: int, messages: int, **o: Any) -> None:
        migrate(self.stderr.write)
        first_provider()
        offered = Preset.objects.of_administrators().filter(enabled=True, version__isnull=False)
        version = offered[0].version
        assert version is not None
        chance = random.Random(o["seed"])  # noqa: S311
        people = _people(users, o["password"])
        answers = [ANSWER.format(number=number) for number in range(1, 9)]
        rendered = [render(answer, "m") for answer in answers]
        rows = _Rows(chance, version, list(zip(answers, rendered, strict=True)))
        for number in range(conversations):
            rows.add(people[number % len(people)], number, messages)
        rows.flush()
        self.stdout.write(
            f"{len(people)} people, {conversations} conversations of {messages} messages."
        )


def _people(count: int, password: str) -> list[User]:
    hashed = make_password(password or None)
    User.objects.bulk_create(
        (
            User(username=f"user{n}", email=f"user{n}@example.com", password=hashed)
            for n in range(1, count + 1)
        ),
        ignore_conflicts=True,
    )
    names = [f"user{n}" for n in range(1, count + 1)]
    return list(User.objects.filter(username__in=names).order_by("date_joined", "pk"))


class _Rows:
    """Gathers rows and stores them in batches."""

    def __init__(
        self, chance: random.Random, version: PresetVersion, answers: list[tuple[str, str]]
    ) -> None:
        self.chance, self.version, self.answers = chance, version, answers
        self.now = timezone.now()
        self.rows: dict[Any, list[Any]] = {}

    def add(self, owner: User, number: int, messages: int) -> None:
        """A conversation of a straight line of messages."""
        when = self.now - timedelta(minutes=37 * number)
        question = self.chance.choice(QUESTIONS)
        conversation = Conversation(
            owner=owner,
            title=f"{question.rstrip('?.')} ({number + 1})",
            created_at=when,
            active_at=when,
            last_sequence=messages,
        )
        self._keep(conversation)
        parent: Message | None = None
        for sequence in range(1, messages + 1):
            parent = self._message(conversation, parent, sequence, question)
        if sum(map(len, self.rows.values())) > BATCH:
            self.flush()

    def _message(
        self, conversation: Conversation, parent: Message | None, sequence: int, question: str
    ) -> Message:
        if sequence % 2:
            message = Message(
                conversation=conversation,
                parent=parent,
                author=conversation.owner,
                role=Message.Role.USER,
                sequence=sequence,
                created_at=conversation.created_at,
            )
            self._keep(message, Part(message=message, text=question))
            return message
        pk = new_id()
        text, html = self.chance.choice(self.answers)
        completion = Completion(
            conversation=conversation,
            lead_id=pk,
            asked_by=conversation.owner,
            client_id=pk.hex,
            preset_version=self.version,
            state=State.DONE,
            finish_reason="stop",
            created_at=conversation.created_at,
            finished_at=conversation.created_at,
            prompt_tokens=20,
            completion_tokens=90,
            usage_source="provider",
        )
        message = Message(
            pk=pk,
            conversation=conversation,
            parent=parent,
            role=Message.Role.ASSISTANT,
            sequence=sequence,
            completion=completion,
            created_at=conversation.created_at,
        )
        part = Part(message=message, text=text, html=html, renderer_version=RENDERER_VERSION)
        self._keep(completion, message, part)
        return message

    def _keep(self, *rows: Any) -> None:
        for row in rows:
            self.rows.setdefault(type(row), []).append(row)

    def flush(self) -> None:
        """Store what has gathered, parents first; the keys of the rest are checked at the end."""
        from django.db import transaction

        with transaction.atomic():
            for model in (Conversation, Completion, Message, Part):
                waiting = iter(self.rows.pop(model, []))
                while batch := list(islice(waiting, 500)):
                    model.objects.bulk_create(batch)
