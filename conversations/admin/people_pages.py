"""What is done with people, each on a page that says what it will do and asks once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin, messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from conversations import process
from conversations.models import User
from conversations.people import letters
from conversations.people import standing as people
from conversations.people.signing_in import remove_second_factors
from conversations.problems import Refused


@dataclass(frozen=True)
class Deed:
    """A page: its title, what will happen, and the button's words."""

    title: str
    says: list[str]
    button: str
    is_danger: bool = False
    offers_copy: bool = False
    done: str = ""
    # Where to go afterwards, where the person's own page is none any more.
    then: str = ""
    facts: list[str] = field(default_factory=list)


def approve(request: HttpRequest, person: User | None) -> HttpResponse:
    """Let somebody in who waits; they get a mail where mail is sent."""
    person = found(person)
    deed = Deed(
        _("Let %(name)s in?") % {"name": person.display_name},
        [_("They can sign in at once, and their spend counts from then on.")],
        _("Approve"),
        done=_("They can sign in now."),
    )

    def do(who: User) -> None:
        people.approve(who, person, request)
        letters.approved(person, request)

    return asked(request, person, deed, do)


def suspend(request: HttpRequest, person: User | None) -> HttpResponse:
    person = found(person)
    deed = Deed(
        _("Suspend %(name)s?") % {"name": person.display_name},
        [
            _(
                "They are signed out everywhere, and pages that they have open close within 5 seconds."
            ),
            _("Replies that they asked for stop. Invitations that they made are withdrawn."),
            _("Nothing is deleted, and you can reinstate them at any time."),
        ],
        _("Suspend"),
        is_danger=True,
        done=_("They are suspended and signed out everywhere."),
    )

    def do(who: User) -> None:
        for completion in people.suspend(who, person, request):
            process.stop(completion)

    return asked(request, person, deed, do)


def reinstate(request: HttpRequest, person: User | None) -> HttpResponse:
    person = found(person)
    deed = Deed(
        _("Reinstate %(name)s?") % {"name": person.display_name},
        [_("They can sign in again and find everything as it was.")],
        _("Reinstate"),
        done=_("They can sign in again."),
    )
    return asked(request, person, deed, lambda who: people.reinstate(who, person, request))


def reset(request: HttpRequest, person: User | None) -> HttpResponse:
    """A new way in: by mail, or a link to hand over, which is shown in this answer alone."""
    person = found(person)
    by_mail = letters.reach(person)
    told = (
        _("They get a mail with a link to choose a new one.")
        if by_mail
        else _("You get a link to hand over. It works once, within a day; it isn’t shown again.")
    )
    deed = Deed(
        _("Reset the password of %(name)s?") % {"name": person.display_name},
        [_("The present one stops working, and they are signed out everywhere."), told],
        _("Reset the password"),
        is_danger=True,
        done=_("They were sent a mail to choose a new password."),
    )
    if request.method != "POST":
        return page(request, person, deed)
    try:
        token = people.reset(by(request), person, request)
    except Refused as trouble:
        return refused(request, person, trouble)
    if by_mail and letters.reset(person, request):
        messages.success(request, deed.done)
        return HttpResponseRedirect(_own_page(person))
    return _shown_once(request, person, letters.address(request, "login-link", token))


def second_factor(request: HttpRequest, person: User | None) -> HttpResponse:
    """For somebody who has lost their phone or key, and the codes too."""
    person = found(person)
    deed = Deed(
        _("Remove the second factor of %(name)s?") % {"name": person.display_name},
        [
            _("Authenticator app, passkeys and recovery codes stop working for them."),
            _("Make sure that it is them who asks: from then on their password is enough."),
        ],
        _("Remove second factor"),
        is_danger=True,
        done=_("Their second factor is removed. They can set up a new one under Security."),
    )

    def do(who: User) -> None:
        people.check_may_remove(who, person)
        remove_second_factors(person, request)

    return asked(request, person, deed, do)


def asked(
    request: HttpRequest, person: User, deed: Deed, do: Callable[[User], Any]
) -> HttpResponse:
    """The page; a post does it and goes back to the person."""
    if request.method != "POST":
        return page(request, person, deed)
    if deed.offers_copy and not request.POST.get("copied"):
        messages.error(
            request, _("Say first that their data is exported, or that nobody needs it.")
        )
        return page(request, person, deed)
    try:
        do(by(request))
    except Refused as trouble:
        return refused(request, person, trouble)
    messages.success(request, deed.done)
    return HttpResponseRedirect(deed.then or _own_page(person))


def page(request: HttpRequest, person: User, deed: Deed) -> HttpResponse:
    context = context_of(request, person, deed.title) | {"deed": deed}
    context["export_url"] = reverse("admin:conversations_user_export", args=[person.pk])
    return render(request, "admin/people_confirm.html", context)


def _shown_once(request: HttpRequest, person: User, address: str) -> HttpResponse:
    title = _("A link for %(name)s") % {"name": person.display_name}
    context = context_of(request, person, title) | {"address": address}
    context["says"] = _(
        "With it they choose a new password, once, within a day. Then they sign in."
    )
    answer = render(request, "admin/people_link.html", context)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def refused(request: HttpRequest, person: User, refused: Refused) -> HttpResponse:
    messages.error(request, str(refused.detail))
    return HttpResponseRedirect(_own_page(person))


def _own_page(person: User) -> str:
    return reverse("admin:conversations_user_change", args=[person.pk])


def context_of(request: HttpRequest, person: User, title: str) -> dict[str, Any]:
    """What each page about a person needs."""
    return admin.site.each_context(request) | {
        "person": person,
        "title": title,
        "opts": User._meta,
        "back": _own_page(person),
        "back_text": _("Back to %(name)s") % {"name": person.display_name},
    }


def found(person: User | None) -> User:
    if person is None:
        raise Http404
    return person


def by(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
