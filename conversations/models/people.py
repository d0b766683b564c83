"""People, their teams, and the one-time links that let someone in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from conversations.models.base import new_id
from conversations.models.prepared import Prepared


class Capability(models.TextChoices):
    """What an administrator may do. Reading conversations is never implied, and each use is logged."""

    PEOPLE = "people", _("people")
    PROVIDERS = "providers", _("providers and presets")
    SPEND = "spend", _("spend and budgets")
    READ = "read", _("read conversations")


class Standing(models.TextChoices):
    """Whether a person can come in: only who is active can."""

    ACTIVE = "active", _("active")
    WAITING = "waiting", _("waits for approval")
    SUSPENDED = "suspended", _("suspended")
    FORMER = "former", _("former member")

    @property
    def condition(self) -> models.Q:
        """Which people are so; see `User.standing`."""
        former = models.Q(anonymised_at__isnull=False)
        waiting = ~former & models.Q(approved_at=None)
        if self is Standing.FORMER:
            return former
        if self is Standing.WAITING:
            return waiting
        return ~former & ~waiting & models.Q(is_active=self is Standing.ACTIVE)


class User(AbstractUser):
    """A person. Addresses are unique whatever their case; a person without one has an empty text.

    An administrator is one with some capability; a superuser has all of them but reading.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(_("e-mail address"), blank=True)
    may_people = models.BooleanField(_("manages people"), default=False)
    may_providers = models.BooleanField(_("manages providers and presets"), default=False)
    may_spend = models.BooleanField(_("manages spend and budgets"), default=False)
    may_read = models.BooleanField(_("may open others’ conversations"), default=False)
    # The team that private conversations are charged to, with its budgets.
    main_team = models.ForeignKey(
        "Team",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("spend counts for"),
    )
    # Null: registered, and waits until an administrator lets them in.
    approved_at = models.DateTimeField(null=True, blank=True, default=timezone.now)
    suspended_at = models.DateTimeField(null=True, blank=True)
    # Nobody knows any more who this was.
    anonymised_at = models.DateTimeField(null=True, blank=True)

    class Meta(AbstractUser.Meta):
        verbose_name = _("person")  # type: ignore[assignment]
        verbose_name_plural = _("people")  # type: ignore[assignment]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("email"), name="user_email_unique", condition=~models.Q(email="")
            ),
            models.UniqueConstraint(Lower("username"), name="user_username_unique"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever has a capability may enter the administration, and nobody else."""
        self.is_staff = self.is_superuser or any(
            getattr(self, f"may_{name}") for name in Capability.values
        )
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "is_staff"}
        super().save(*args, **kwargs)

    @property
    def display_name(self) -> str:
        if self.anonymised_at is not None:
            return str(_("Former member"))
        return self.get_full_name() or self.username

    @property
    def standing(self) -> Standing:
        if self.anonymised_at is not None:
            return Standing.FORMER
        if self.approved_at is None:
            return Standing.WAITING
        return Standing.ACTIVE if self.is_active else Standing.SUSPENDED

    def may(self, capability: str) -> bool:
        """Whether the person is an administrator with this capability."""
        if not self.is_active:
            return False
        if self.is_superuser and capability != Capability.READ:
            return True
        return bool(getattr(self, f"may_{capability}"))

    @property
    def capabilities(self) -> list[str]:
        return [name for name in Capability.values if self.may(name)]

    @property
    def initials(self) -> str:
        """One or two letters that stand for the person."""
        words = self.display_name.replace(".", " ").replace("_", " ").split()
        return "".join(word[0] for word in words[:2]).upper()


# Asked for by every request.
PERSON = Prepared(lambda pk: User.objects.filter(pk=pk), pk=UUID)


class Team(models.Model):
    """People who share conversations."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=80)
    # Whom single sign-on counts in this group is a member.
    external_group = models.CharField(_("group of single sign-on"), max_length=200, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    """What a person may do with a conversation: a reader reads, an editor writes too."""

    EDITOR = "editor", _("editor")
    READER = "reader", _("reader")


class Membership(models.Model):
    """A person's place in a team."""

    team = models.ForeignKey(Team, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE, verbose_name=_("person"))
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.EDITOR)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("members")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_unique"),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class OneTimeLinkManager(models.Manager["OneTimeLink"]):
    def issue(self, purpose: str, user: User | None = None, minutes: int = 60, **about: Any) -> str:
        """A new secret for `purpose`; only its hash is stored.

        Of one person's sign-in links only the newest is good.
        """
        token = secrets.token_urlsafe(32)
        with transaction.atomic():
            if user is not None:
                self.filter(purpose=purpose, user=user).delete()
            self.create(
                purpose=purpose,
                user=user,
                token_hash=_hashed(token),
                expires_at=timezone.now() + timedelta(minutes=minutes),
                **about,
            )
        return token

    def valid(self, purpose: str, token: str) -> OneTimeLink | None:
        """The link that `token` opens, if it is still good."""
        return self.filter(
            purpose=purpose, token_hash=_hashed(token), expires_at__gt=timezone.now()
        ).first()

    def use(self, purpose: str, token: str) -> OneTimeLink | None:
        """As `valid`, and spent: of several that try at once, one gets it."""
        link = self.valid(purpose, token)
        if link is None or self.filter(pk=link.pk).delete()[0] != 1:
            return None
        return link


class OneTimeLink(models.Model):
    """A secret address that works once: for the first administrator, an invitation, a sign-in.

    Who comes by `RESET` chooses a new password; `LOGIN` is for scripts and asks for nothing.
    """

    SETUP, LOGIN, RESET, INVITE = "setup", "login", "reset", "invite"

    purpose = models.CharField(max_length=10)
    user = models.ForeignKey(User, models.CASCADE, null=True)
    token_hash = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)
    # Of an invitation: whom it is for, who made it, and the team that they join.
    email = models.EmailField(blank=True)
    made_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")

    objects: ClassVar[Any] = OneTimeLinkManager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return f"{self.purpose} link"


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
