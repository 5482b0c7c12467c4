"""Lists of a server as several kinds read them: page by page along its links, their newest item, their last change."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from precedent.errors import ActionRequired
from precedent.http.answers import Reply

# Faults of a list that is switched off, or not to be seen with these credentials.
SWITCHED_OFF: Final = {"not_found", "gone", "forbidden"}
# What a probe keeps of one answer: its validator `etag`, and a `value` that changes with what was asked for.
Part = dict[str, Any]


def linked_pages(first: Reply, ask: Callable[[str], Reply], *, server: str, listed: str) -> Iterator[Reply]:
    """Every page of a list, by its links.

    Args:
        first: The first page.
        ask: Asks for the page behind a link.
        server: What the server is called in messages.
        listed: What the list holds, for the message.

    Raises:
        ActionRequired: the links lead in a circle.
    """
    reply, visited = first, set[str]()
    while True:
        yield reply
        link = reply.next_link
        if link is None:
            return
        check_link(link, visited, server=server, listed=listed)
        reply = ask(link)


def check_link(link: str, visited: set[str], *, server: str, listed: str) -> None:
    """Note a link that is about to be followed; the same one twice would never end.

    Args:
        link: The link.
        visited: The links that were followed before; it is added.
        server: What the server is called in messages.
        listed: What the list holds, for the message.

    Raises:
        ActionRequired: it has been followed before.
    """
    if link in visited:
        raise ActionRequired(
            "link_loop",
            f"{server} links the pages of {listed} in a circle: ask its administrator, or whoever runs the proxy on "
            "the way.",
            whole=False,
        )
    visited.add(link)


def latest(moments: Iterable[datetime | None], until: datetime) -> datetime | None:
    """The latest of the moments that are not after `until`, the server's clock; None where there is none.

    Cursors move by it: an item that is dated years ahead must not hide what is changed before that day.
    """
    return max((each for each in moments if each is not None and each <= until), default=None)


def newest_part(
    ask: Callable[[str | None], Reply], before: Part | None, value: Callable[[dict[str, Any]], Any]
) -> Part:
    """The newest of a list; one that is switched off or not to be seen has none, which its stream will say.

    Args:
        ask: Asks for the first page of the list, newest first, by the validator of the answer that is known.
        before: What the probe before kept.
        value: What is kept of the newest item; of {} where the list is empty.

    Raises:
        SourceFault: any other fault.
    """
    try:
        reply = ask(before["etag"] if before else None)
    except ActionRequired as fault:
        if fault.whole or fault.code not in SWITCHED_OFF:
            raise
        return {"etag": None, "value": fault.code}
    if reply.unchanged and before:
        return before
    newest = next((item for item in reply.data if isinstance(item, dict)), {})
    return {"etag": reply.headers.get("etag"), "value": value(newest)}
