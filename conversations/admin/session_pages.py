"""Where somebody is signed in, for an administrator who may have to end it."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations.admin.people_pages import by, context_of, found, refused
from conversations.models import User
from conversations.oversight.auditing import record
from conversations.people import standing as people
from conversations.people.signing_in import close_sessions, sessions_of
from conversations.problems import Refused


def sessions(request: HttpRequest, person: User | None) -> HttpResponse:
    """The person's sessions; a post closes the one it names, or all."""
    person = found(person)
    try:
        people.check_may_change(by(request), person)
    except Refused as trouble:
        return refused(request, person, trouble)
    if request.method == "POST":
        return _close(request, person)
    title = _("Where %(name)s is signed in") % {"name": person.display_name}
    context = context_of(request, person, title) | {"sessions": sessions_of(person)}
    return render(request, "admin/person_sessions.html", context)


def _close(request: HttpRequest, person: User) -> HttpResponse:
    count = _end(person, request.POST.get("session", ""))
    if count:
        record("sessions.closed", subject=person, request=request, detail={"sessions": count})
    said = ngettext("One session is closed.", "%(count)d sessions are closed.", count)
    messages.success(request, said % {"count": count})
    return HttpResponseRedirect(request.path)


def _end(person: User, session: str) -> int:
    if not session:
        return close_sessions(person)
    if not session.isdecimal() or len(session) > 18:
        return 0
    rows = UserSession.objects.filter(user=person, pk=int(session))
    for row in rows:
        row.end()
    return len(rows)
