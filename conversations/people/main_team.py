"""The team that a person's spend counts for: always one of theirs."""

from __future__ import annotations

from conversations.models import Membership, Team, User


def choose(person: User) -> None:
    """What was chosen stays while they are a member; where there is but one team, it is that."""
    teams = list(Membership.objects.filter(user=person).values_list("team", flat=True)[:2])
    main = person.main_team_id
    if main is not None and not Membership.objects.filter(user=person, team=main).exists():
        main = None
    if main is None and len(teams) == 1:
        main = teams[0]
    if main != person.main_team_id:
        person.main_team_id = main
        person.save(update_fields=["main_team"])


def choose_for_those_who_left(team: Team) -> None:
    """Nobody's spend counts for a team that they are no member of."""
    for person in User.objects.filter(main_team=team).exclude(membership__team=team):
        choose(person)
