"""What went wrong, in one form for all interfaces: `application/problem+json` (RFC 9457)."""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError as SQLDataError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from precedent.errors import DatabaseError, ModelError, NotFoundError, PrecedentError, SourceError, UsageError
from precedent.security.redaction import scrub

MEDIA_TYPE = "application/problem+json"
# The first class that an error is of decides.
STATUSES: Mapping[type[PrecedentError], int] = {
    UsageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    DatabaseError: HTTPStatus.SERVICE_UNAVAILABLE,
    ModelError: HTTPStatus.SERVICE_UNAVAILABLE,
    SourceError: HTTPStatus.BAD_GATEWAY,
    PrecedentError: HTTPStatus.CONFLICT,
}
MOST_FIELDS = 20
logger = logging.getLogger(__name__)


class WrongField(BaseModel):
    """A field that does not fit."""

    field: str = Field(description="Where it stands, for example `body.name`.")
    reason: str = Field(description="What is wrong with it.")


class Problem(BaseModel):
    """Why a request was not answered as asked."""

    title: str = Field(description="The kind of problem, the same for all of a status.")
    status: int = Field(description="The status of the answer.")
    detail: str = Field(description="What happened, and what to do.")
    request: str | None = Field(default=None, description="The request's id, as in the log and X-Request-Id.")
    fields: list[WrongField] = Field(default_factory=list, description="The fields that do not fit.")


class Refused(Exception):
    """A request that is refused: of whom nothing is known, or who may not do it."""

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


Page = Callable[[Request, Problem], Response | None]


def install(app: FastAPI, page: Page) -> None:
    """Answer every error of an application as a problem.

    Args:
        app: The application.
        page: A problem as a page, or None where the one who asks is a program.
    """
    app.state.problem_page = page
    app.add_exception_handler(PrecedentError, _of_ours)
    app.add_exception_handler(Refused, _of_refusal)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(SQLDataError, _of_value)
    app.add_exception_handler(psycopg.DataError, _of_value)
    app.add_exception_handler(Exception, _of_unexpected)


def answer(
    request: Request,
    status: int,
    detail: str,
    fields: list[WrongField] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as an answer."""
    problem = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=scrub(detail),
        request=getattr(request.state, "request_id", None),
        fields=fields or [],
    )
    page: Response | None = request.app.state.problem_page(request, problem)
    return page or JSONResponse(problem.model_dump(), status, dict(headers or {}), MEDIA_TYPE)


async def _of_ours(request: Request, error: Exception) -> Response:
    status = next(status for kind, status in STATUSES.items() if isinstance(error, kind))
    return answer(request, status, str(error))


async def _of_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - Starlette calls it for nothing else
    headers = {"WWW-Authenticate": "Bearer"} if error.status == HTTPStatus.UNAUTHORIZED else {}
    return answer(request, error.status, error.detail, headers=headers)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    # What was sent is no part of the answer: it may be a secret.
    fields = [
        WrongField(field=".".join(str(part) for part in found["loc"]), reason=str(found["msg"]))
        for found in error.errors()[:MOST_FIELDS]
    ]
    names = ", ".join(field.field for field in fields)
    return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, f"The request does not fit: correct {names}.", fields)


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    if error.status_code == HTTPStatus.NOT_FOUND:
        return answer(request, error.status_code, "There is nothing at this address.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(sorted(_methods(request)))
        return answer(request, error.status_code, f"This address takes {allowed}.", headers={"Allow": allowed})
    return answer(request, error.status_code, str(error.detail), headers=error.headers)


def _methods(request: Request) -> set[str]:
    """What the address of a request takes; the router itself names the methods of the first route alone."""
    found: set[str] = set()
    for route in request.app.router.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", None) or set()
    return found


async def _of_value(request: Request, error: Exception) -> Response:
    detail = "The database cannot take a value of this request: a number is too large, or a text has a NUL in it."
    return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail)


async def _of_unexpected(request: Request, error: Exception) -> Response:
    logger.error("A request failed.", exc_info=error)
    return answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something unexpected happened: the log says more.")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer with, for its documentation."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}
