"""Conversations: whose they are, and who may read, write and manage them."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.base import new_id
from conversations.models.people import Membership, Role, Team, User
from conversations.models.prepared import Prepared

# How long a deletion can be taken back.
UNDO = timedelta(seconds=10)
GIVE_OUT = """
    UPDATE conversations_conversation SET last_sequence = last_sequence + %s, active_at = %s
    WHERE id = %s RETURNING last_sequence
"""


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Access is decided here and nowhere else; what isn't visible is like what doesn't exist."""

    def visible_to(self, user: User) -> ConversationQuerySet:
        """Conversations `user` may read: those that are `of` them, and those they opened as an administrator."""
        return self._of(user, Access.objects.standing())

    def of(self, user: User) -> ConversationQuerySet:
        """Their own, their teams', and those shared with them: what their lists and searches hold."""
        return self._of(user, Access.objects.filter(until=None))

    def _of(self, user: User, shared: AccessQuerySet) -> ConversationQuerySet:
        return self.filter(deleted_at=None).filter(
            Q(owner=user)
            | Q(team__in=Membership.objects.filter(user=user).values("team"))
            | Q(pk__in=shared.filter(user=user).values("conversation"))
        )

    def writable_by(self, user: User) -> ConversationQuerySet:
        """Those of the visible ones in which `user` may write."""
        mine = Membership.objects.filter(user=user, role=Role.EDITOR)
        shared = Access.objects.standing().filter(user=user, role=Role.EDITOR)
        return self.filter(deleted_at=None).filter(
            Q(owner=user)
            | Q(team__in=mine.values("team"))
            | Q(pk__in=shared.values("conversation"))
        )

    def one_writable(self, user: User, pk: UUID) -> Conversation | None:
        """As `writable_by`; most write in their own, which is asked first and costs the least."""
        return OWN.first(pk=pk, user=user.pk) or self.writable_by(user).filter(pk=pk).first()

    def managed_by(self, user: User) -> ConversationQuerySet:
        """Those that `user` may rename, archive, share and delete."""
        return self.filter(owner=user, deleted_at=None)

    def restorable_by(self, user: User) -> ConversationQuerySet:
        """Deleted ones that `user` can still take back."""
        return self.filter(owner=user, deleted_at__gt=timezone.now() - UNDO * 6)

    def listed(self) -> ConversationQuerySet:
        """What a sidebar shows, newest first."""
        return self.filter(archived_at=None).order_by("-active_at", "-pk")

    def give_out_sequences(self, pk: UUID, count: int) -> int:
        """Reserve `count` places in the order of messages; returns the first of them.

        It locks the conversation's row: who comes later waits, and sees what was written.
        """
        moment = connection.ops.adapt_datetimefield_value(timezone.now())
        key = self.model._meta.pk.get_db_prep_value(pk, connection)
        with connection.cursor() as cursor:
            cursor.execute(GIVE_OUT, [count, moment, key])
            return int(cursor.fetchone()[0]) - count + 1


class Conversation(models.Model):
    """Messages in a tree; the default path leads to its newest leaf."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(User, models.CASCADE, related_name="conversations")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True)
    title = models.CharField(_("title"), max_length=200, blank=True)
    title_is_chosen = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    last_sequence = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    active_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        verbose_name = _("conversation")
        verbose_name_plural = _("conversations")
        indexes: ClassVar = [
            models.Index(
                fields=["owner", "-active_at", "-id"],
                condition=Q(deleted_at=None, archived_at=None),
                name="conversation_listed",
            ),
            models.Index(
                fields=["owner", "-archived_at"],
                condition=Q(deleted_at=None, archived_at__isnull=False),
                name="conversation_archived",
            ),
            models.Index(
                fields=["deleted_at"],
                condition=Q(deleted_at__isnull=False),
                name="conversation_deleted",
            ),
        ]

    def __str__(self) -> str:
        return f"conversation {self.pk}"


OWN = Prepared(
    lambda pk, user: Conversation.objects.filter(pk=pk, owner=user, deleted_at=None),
    pk=UUID,
    user=UUID,
)


class AccessQuerySet(models.QuerySet["Access"]):
    def standing(self) -> AccessQuerySet:
        """Those that haven't ended, by the database's clock."""
        return self.filter(Q(until=None) | Q(until__gt=Now()))

    def openings(self) -> AccessQuerySet:
        """Conversations that administrators opened for reading, ended or not."""
        return self.filter(until__isnull=False)


class Access(models.Model):
    """A conversation shared with one person, or opened by an administrator until a moment."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="accesses")
    user = models.ForeignKey(User, models.CASCADE)
    role = models.CharField(max_length=10, choices=Role, default=Role.READER)
    # Null: until it is taken away. An administrator's reading ends by itself.
    until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)

    objects = AccessQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["conversation", "user"], name="access_unique"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="access_role"),
        ]

    def __str__(self) -> str:
        return f"{self.role} access"
