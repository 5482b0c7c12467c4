"""Searching, and looking at one item."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from hub.gate.permission import needs
from hub.web.pages import Visit, page
from precedent.access.roles import Role
from precedent.errors import PrecedentError
from precedent.search.filters import Filters
from precedent.search.retrieval import Mode, Result
from precedent.sources.records import RawKind

router = APIRouter(include_in_schema=False)
RESULTS = 20
SIMILAR = 8
KINDS = tuple(kind.value for kind in RawKind if kind not in {RawKind.COMMENT, RawKind.DEPLOYMENT})
Word = Annotated[str, Query(max_length=2_000)]


@router.get("/t/{tenant}/search", **needs(Role.VIEWER))
def search(
    request: Request, visit: Visit, q: Word = "", kind: Word = "", source: Word = "", mode: Mode = Mode.HYBRID
) -> Response:
    """Items by meaning and words, with what each leg says."""
    results: list[Result] = []
    reason = None
    if q.strip():
        filters = Filters(kinds=(kind,) if kind in KINDS else (), sources=(source,) if source else ())
        try:
            results = visit.tenant.search(q, k=RESULTS, mode=mode, filters=filters)
        except PrecedentError as error:
            reason = str(error)
    values = {
        "q": q,
        "kind": kind,
        "source": source,
        "mode": mode,
        "kinds": KINDS,
        "modes": tuple(Mode),
        "sources": [status.name for status in visit.tenant.sources()],
        "results": results,
        "reason": reason,
    }
    return page(request, "search.html", values, visit=visit)


@router.get("/t/{tenant}/item", **needs(Role.VIEWER))
def item(request: Request, visit: Visit, id: Word, source: Word = "", kind: Word = "") -> Response:
    """One item: its text, and what resembles it."""
    document = visit.tenant.searcher.document(id, source=source or None, kind=kind or None)
    try:
        found = visit.tenant.similar(id, source=document.source, kind=document.kind, k=SIMILAR + 1)
    except PrecedentError:
        found = []
    similar = [result for result in found if (result.external_id, result.source) != (id, document.source)][:SIMILAR]
    return page(request, "item.html", {"document": document, "similar": similar}, visit=visit)
