"""A person's export, and the pages that anonymise and delete somebody: with the export offered first."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations.admin.people_pages import Deed, asked, by, found, page, refused
from conversations.models import Capability, User
from conversations.oversight.auditing import record
from conversations.people import leaving, person_copy
from conversations.people import standing as people
from conversations.problems import Refused

PEOPLE = "admin:conversations_user_changelist"


def export(request: HttpRequest, person: User | None) -> HttpResponse | StreamingHttpResponse:
    """All that is kept of a person, as a file; what was said only for who may open conversations."""
    person, reader = found(person), by(request)
    reads = reader.may(Capability.READ)
    deed = Deed(
        _("Export what is kept of %(name)s") % {"name": person.display_name},
        [
            _("A ZIP file with their profile, memberships and usage, and their conversations.")
            if reads
            else _("A ZIP file with their profile, memberships and usage."),
            _("That you took it is written into the audit log.")
            if reads
            else _("Conversations aren’t in it: you may not open others’ conversations."),
        ],
        _("Download"),
    )
    if request.method != "POST":
        return page(request, person, deed)
    try:
        people.check_may_change(reader, person)
    except Refused as trouble:
        return refused(request, person, trouble)
    record("person.exported", subject=person, request=request, detail={"conversations": reads})
    return person_copy.response(person, conversations=reads)


def anonymise(request: HttpRequest, person: User | None) -> HttpResponse:
    person = found(person)
    deed = Deed(
        _("Anonymise %(name)s?") % {"name": person.display_name},
        [
            _("Name, address, ways to sign in and memberships are removed. This can’t be undone."),
            _("What they wrote in conversations of others stays, by a “Former member”."),
            _kept(),
        ],
        _("Anonymise"),
        is_danger=True,
        offers_copy=True,
        done=_("Nobody knows any more who this was."),
        then=reverse(PEOPLE),
        facts=_fate(person),
    )
    return asked(request, person, deed, lambda who: leaving.anonymise(who, person, request))


def delete(request: HttpRequest, person: User | None) -> HttpResponse:
    person = found(person)
    deed = Deed(
        _("Delete %(name)s?") % {"name": person.display_name},
        [
            _("The account goes, with everything that belongs to it alone. This can’t be undone."),
            _("What they wrote in conversations of others stays, without a name."),
            _kept(),
        ],
        _("Delete"),
        is_danger=True,
        offers_copy=True,
        done=_("The account is deleted."),
        then=reverse(PEOPLE),
        facts=_fate(person),
    )
    return asked(request, person, deed, lambda who: leaving.delete(who, person, request))


def _kept() -> str:
    return _(
        "The ledger keeps its copy of the name, since what was spent must be explained; so does the"
        " audit log, as long as its entries are kept."
    )


def _fate(person: User) -> list[str]:
    """What becomes of their conversations."""
    theirs = leaving.belongings(person)
    alone = ngettext(
        "%(count)d conversation that nobody else has is deleted.",
        "%(count)d conversations that nobody else has are deleted.",
        theirs.alone,
    )
    shared = ngettext(
        "%(count)d shared conversation stays and gets another owner: an editor, if it has one.",
        "%(count)d shared conversations stay and get another owner: an editor, if they have one.",
        theirs.shared,
    )
    told = ((theirs.alone, alone), (theirs.shared, shared))
    return [sentence % {"count": count} for count, sentence in told if count]
