"""Messages, the parts they are made of, and the files that belong to them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from conversations.models.base import new_id
from conversations.models.conversations import Conversation
from conversations.models.people import User
from conversations.models.prepared import Prepared

if TYPE_CHECKING:
    from django_stubs_ext.db.models.manager import RelatedManager

PATH_UPWARD = """
    WITH RECURSIVE path(id, parent_id, depth) AS (
        SELECT id, parent_id, 1 FROM conversations_message WHERE id = %s
        UNION ALL
        SELECT m.id, m.parent_id, path.depth + 1
        FROM conversations_message m JOIN path ON m.id = path.parent_id WHERE path.depth < %s
    ) SELECT id FROM path ORDER BY depth DESC
"""
NEWEST_BELOW = """
    WITH RECURSIVE below(id, sequence) AS (
        SELECT id, sequence FROM conversations_message WHERE id = %s
        UNION ALL
        SELECT m.id, m.sequence FROM conversations_message m JOIN below ON m.parent_id = below.id
    ) SELECT id FROM below ORDER BY sequence DESC LIMIT 1
"""
EVERYTHING = 1_000_000
ANSWERS_UPWARD = """
    WITH RECURSIVE path(id, parent_id, role, depth) AS (
        SELECT id, parent_id, role, 1 FROM conversations_message WHERE id = %s
        UNION ALL
        SELECT m.id, m.parent_id, m.role, path.depth + 1
        FROM conversations_message m JOIN path ON m.id = path.parent_id
    )
    SELECT path.depth, path.role, part.text
    FROM path JOIN conversations_part part ON part.message_id = path.id AND part.kind IN ('answer', 'json')
    ORDER BY path.depth DESC, part."index"
"""


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> MessageQuerySet:
        """Messages of the conversations that `user` may read."""
        return self.filter(conversation__in=Conversation.objects.visible_to(user).values("pk"))

    def writable_by(self, user: User) -> MessageQuerySet:
        """Messages of the conversations in which `user` may write."""
        return self.filter(conversation__in=Conversation.objects.writable_by(user).values("pk"))

    def newest(self, conversation_id: UUID) -> Message | None:
        """The last message of a conversation, with its completion."""
        return NEWEST.first(conversation=conversation_id)

    def one_of(self, conversation_id: UUID, pk: UUID) -> Message | None:
        """This message if it is the conversation's, with its completion."""
        return ONE_OF.first(conversation=conversation_id, pk=pk)

    def texts_to(self, leaf_id: UUID) -> list[tuple[str, str]]:
        """Role and text of each message from the root to `leaf_id`; reasoning isn't told."""
        key = self.model._meta.pk.get_db_prep_value(leaf_id, connection)
        with connection.cursor() as cursor:
            cursor.execute(ANSWERS_UPWARD, [key])
            rows = groupby(cursor.fetchall(), key=lambda row: row[:2])
            return [(role, "".join(row[2] for row in parts)) for (_depth, role), parts in rows]

    def newest_leaf(self, conversation_id: UUID) -> UUID | None:
        """The message with the highest sequence: a leaf, since children come after parents."""
        return (
            self.filter(conversation_id=conversation_id)
            .order_by("-sequence")
            .values_list("pk", flat=True)
            .first()
        )

    def leaf_below(self, message_id: UUID) -> UUID:
        """The newest message that `message_id` leads to, or itself."""
        return self._ids(NEWEST_BELOW, [message_id])[0]

    def beside(self, leaf_id: UUID) -> list[UUID]:
        """The replies that one request asked for, in their order, if `leaf_id` is one of several.

        Empty when it isn't, or when one of them has been answered: then the path goes through it.
        """
        answered = self.model.objects.filter(parent__completion=models.OuterRef("completion"))
        rows = self.filter(~models.Exists(answered), completion__replies=leaf_id)
        return list(rows.order_by("choice").values_list("pk", flat=True))

    def path_to(self, leaf_id: UUID, limit: int = EVERYTHING) -> list[UUID]:
        """Ids from the root (or `limit` messages up) to `leaf_id`."""
        return self._ids(PATH_UPWARD, [leaf_id], limit)

    def in_order(self, ids: Iterable[UUID]) -> list[Message]:
        """These messages, as a list in the order of `ids`."""
        ids = list(ids)
        found = {message.pk: message for message in self.filter(pk__in=ids)}
        return [found[pk] for pk in ids if pk in found]

    def _ids(self, sql: str, keys: list[UUID], *rest: int) -> list[UUID]:
        field = self.model._meta.pk
        keys = [field.get_db_prep_value(key, connection) for key in keys]
        with connection.cursor() as cursor:
            cursor.execute(sql, [*keys, *rest])
            return [field.to_python(row[0]) for row in cursor.fetchall()]


class Message(models.Model):
    """Something said: by a person (`author`), or by a model in answer to its parent."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="children")
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    role = models.CharField(max_length=10, choices=Role)
    sequence = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    # The request that writes this reply, or wrote its newest piece; one per choice of it.
    completion = models.ForeignKey("Completion", models.CASCADE, null=True, related_name="replies")
    choice = models.PositiveSmallIntegerField(default=0)
    # Why this choice ended, where the first one ended otherwise.
    finish_reason = models.CharField(max_length=20, blank=True)

    parts: RelatedManager[Part]
    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "sequence"], name="message_sequence"),
            models.CheckConstraint(
                condition=Q(role="user", completion=None)
                | Q(role="assistant", completion__isnull=False, parent__isnull=False),
                name="message_role",
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk}"

    def is_answered(self) -> bool:
        """Whether anything follows it."""
        return CHILD.first(parent=self.pk) is not None

    @property
    def key(self) -> str:
        """The message's name in a page."""
        return f"m-{self.pk.hex}"


def _with_completion(**those: object) -> MessageQuerySet:
    return Message.objects.filter(**those).select_related("completion")


NEWEST = Prepared(
    lambda conversation: _with_completion(conversation=conversation).order_by("-sequence")[:1],
    conversation=UUID,
)
ONE_OF = Prepared(
    lambda conversation, pk: _with_completion(conversation=conversation, pk=pk),
    conversation=UUID,
    pk=UUID,
)
CHILD = Prepared(
    lambda parent: Message.objects.filter(parent=parent).values_list("pk", flat=True)[:1],
    parent=UUID,
)


def json_facts(problem: str, path: str) -> dict[str, str]:
    """What viewers are told of a judged JSON answer, by short names."""
    if not problem:
        return {"json": "valid"}
    return {"json": "invalid", "json-problem": problem} | ({"json-path": path} if path else {})


class Part(models.Model):
    """One piece of a message; `html` is the stored rendering of a text that is final."""

    class Kind(models.TextChoices):
        REASONING = "reasoning"
        ANSWER = "answer"
        JSON = "json"  # an answer in JSON mode
        TOOL_CALL = "tool_call"

    # What a reply says, as other than how it came to it.
    SAID = (Kind.ANSWER, Kind.JSON)

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, models.CASCADE, related_name="parts")
    index = models.PositiveSmallIntegerField(default=0)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.ANSWER)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    renderer_version = models.PositiveIntegerField(null=True)
    # How long it took to write, where that is told: reasoning.
    seconds = models.FloatField(null=True)
    # An answer in JSON mode: what is wrong with it and where; "" nothing, null not judged.
    problem = models.TextField(null=True)
    problem_path = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["index"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "index"], name="part_unique"),
            models.CheckConstraint(
                condition=Q(kind__in=["reasoning", "answer", "json", "tool_call"]),
                name="part_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.index}"


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def visible_to(self, user: User) -> AttachmentQuerySet:
        """One's own files, and those of messages that one may read."""
        readable = Conversation.objects.visible_to(user).values("pk")
        return self.filter(Q(owner=user) | Q(message__conversation__in=readable))


class Attachment(models.Model):
    """A file that belongs to a message, or to a draft while `message` is null."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="attachments")
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="attachments")
    name = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100)
    size_bytes = models.PositiveBigIntegerField()
    file = models.FileField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AttachmentQuerySet.as_manager()

    def __str__(self) -> str:
        return f"attachment {self.pk}"
