"""Groups of single sign-on: the teams and the capabilities that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from conversations.models import Capability, Membership, Team, User
from conversations.oversight.auditing import record

# Of the administrators' group. Who may read others' conversations is never decided elsewhere.
CAPABILITIES = (Capability.PEOPLE, Capability.PROVIDERS, Capability.SPEND)


@transaction.atomic
def follow(person: User, groups: Iterable[str], request: HttpRequest | None = None) -> None:
    """Join the teams of these groups and leave those of others; teams without a group stay."""
    wanted = {team.pk: team for team in Team.objects.filter(external_group__in=set(groups) - {""})}
    rows = Membership.objects.filter(user=person).exclude(team__external_group="")
    held = {row.team_id: row for row in rows.select_related("team")}
    joined = [team for pk, team in wanted.items() if pk not in held]
    left = [row for pk, row in held.items() if pk not in wanted]
    if not joined and not left:
        return
    Membership.objects.bulk_create(
        [Membership(team=team, user=person) for team in joined], ignore_conflicts=True
    )
    Membership.objects.filter(pk__in=[row.pk for row in left]).delete()
    _choose_main_team(person)
    names = {
        "joined": sorted(team.name for team in joined),
        "left": sorted(row.team.name for row in left),
    }
    record("person.groups", subject=person, request=request, actor=person, detail=names)


def _choose_main_team(person: User) -> None:
    """The team that spend counts for is one's own; where there is but one, it is that."""
    teams = list(Membership.objects.filter(user=person).values_list("team", flat=True)[:2])
    main = person.main_team_id
    if main is not None and not Membership.objects.filter(user=person, team=main).exists():
        main = None
    if main is None and len(teams) == 1:
        main = teams[0]
    if main != person.main_team_id:
        person.main_team_id = main
        person.save(update_fields=["main_team"])


@transaction.atomic
def follow_administrators(
    person: User, groups: Iterable[str], granted: list[str], request: HttpRequest | None = None
) -> list[str]:
    """Give the capabilities of the administrators' group, or take back those that it `granted`.

    What somebody was given by hand stays. Returns what the group has granted by now.
    """
    group = settings.OIDC_ADMIN_GROUP
    belongs = bool(group) and group in groups
    if person.is_superuser or belongs == bool(granted):
        return granted
    names = [name for name in CAPABILITIES if not getattr(person, f"may_{name}")]
    changed: list[Any] = names if belongs else granted
    if not changed:
        return granted
    for name in changed:
        setattr(person, f"may_{name}", belongs)
    person.save(update_fields=[f"may_{name}" for name in changed])
    detail = {f"may_{name}": [not belongs, belongs] for name in changed}
    record("person.capabilities", subject=person, request=request, actor=person, detail=detail)
    return [str(name) for name in names] if belongs else []
