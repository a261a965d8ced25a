"""From an answer to the error that tells a person what happened and what to do."""

from __future__ import annotations

from amplemarket_source.api.answers import Answer, has_code, problems_in
from amplemarket_source.errors import (
    ApiError,
    InsufficientCredits,
    KeyRefused,
    NoSuchRoute,
    NotFound,
    RemovedForPrivacy,
    RequestRefused,
)

__all__ = ["error_about", "is_throttled", "refusal"]

_ADVICE: dict[type[ApiError], str] = {
    InsufficientCredits: "Add credits to the account, then run again.",
    KeyRefused: (
        "Check sources.amplemarket.api_key (environment: SOURCES__AMPLEMARKET__API_KEY) against"
        " the dashboard, Settings > API."
    ),
    NoSuchRoute: "Check sources.amplemarket.base_url.",
}
_WHAT: dict[type[ApiError], str] = {
    InsufficientCredits: "the account cannot pay",
    KeyRefused: "the API key was refused",
    RemovedForPrivacy: "the person was removed for privacy reasons",
    NotFound: "not found",
    NoSuchRoute: "no such route",
    RequestRefused: "the request was refused",
}


def refusal(answer: Answer) -> ApiError:
    """The error for an answer with a 4xx status; it is returned, not raised.

    The statuses are those of API facts 1 and 7. `insufficient_credits` goes by its code, because
    the vendor does not say which status carries it.

    Example::

        if 400 <= answer.status < 500:
            raise refusal(answer)
    """
    problems = problems_in(answer.body)
    error = _class_of(answer.status, has_shape=problems is not None)
    if has_code(problems or (), "insufficient_credits"):
        error = InsufficientCredits
    return error(
        _WHAT[error],
        method=answer.method,
        path=answer.path,
        status=answer.status,
        request_id=answer.request_id,
        problems=problems or (),
        advice=_ADVICE.get(error, ""),
    )


def error_about(answer: Answer, error: type[ApiError], what: str) -> ApiError:
    """An error of the given class with the endpoint, status and request id of an answer."""
    return error(
        what,
        method=answer.method,
        path=answer.path,
        status=answer.status,
        request_id=answer.request_id,
    )


def is_throttled(answer: Answer) -> bool:
    """A 429 that will pass by itself; one for want of credits will not."""
    return answer.status == 429 and not has_code(
        problems_in(answer.body) or (), "insufficient_credits"
    )


def _class_of(status: int, *, has_shape: bool) -> type[ApiError]:
    if status in (401, 403):
        return KeyRefused
    if status == 451:
        return RemovedForPrivacy
    if status == 410 or (status == 404 and has_shape):
        return NotFound
    if status == 404:
        return NoSuchRoute
    return RequestRefused
