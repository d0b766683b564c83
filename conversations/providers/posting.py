"""Posting JSON to an address that an administrator set, by the same rules as calls to providers."""

from .base import Deadlines, Endpoint
from .errors import ServerFailure
from .http import Client

SECONDS = 10.0


async def post_json(
    url: str, body: bytes, headers: dict[str, str], *, allow_private: bool = False
) -> None:
    """Post within ten seconds; anything but a 2xx answer raises a `ProviderError`.

    No redirect is followed, and what is answered isn't read.
    """
    deadlines = Deadlines(connect=5, first_byte=SECONDS, silence=SECONDS, total=SECONDS)
    client = Client(Endpoint(url, deadlines=deadlines, allow_private=allow_private))
    try:
        sent = {"content-type": "application/json", **headers}
        reply = await client.send("POST", url, body=body, headers=sent)
        await reply.aclose()
        if not 200 <= reply.status < 300:
            raise ServerFailure(f"it answered {reply.status}", status=reply.status)
    finally:
        await client.aclose()
