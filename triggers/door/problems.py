"""Answers: JSON, and problem details (RFC 9457) with our stable code."""

import json
import math
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import azure.functions as func
from pydantic import BaseModel

from domain.error_catalogue import status_of
from domain.errors import ErrorDetail, ServiceError


class Refusal(ServiceError):  # noqa: N818 - it is an answer, not an accident
    """An error that is answered with headers or members of its own."""

    def __init__(self, error: ErrorDetail, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(error)
        self.headers = headers or {}
        self.members = members


def answer(
    status: int, document: BaseModel | dict[str, Any] | None, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """Answer with JSON that no cache keeps unless the headers say otherwise."""
    if document is None:
        return func.HttpResponse(status_code=status, headers=headers)
    return _respond(status, show(document), "application/json", headers or {})


def show(document: BaseModel | dict[str, Any]) -> dict[str, Any]:
    """Write a document as the API does: what has no value is left out, and all times are written alike."""
    if isinstance(document, BaseModel):
        shown: dict[str, Any] = _write_times(document.model_dump(by_alias=True, exclude_none=True))
        return shown
    return document


def _write_times(part: Any) -> Any:
    """Write times in UTC with milliseconds: what we keep has seconds, or microseconds, as its writer had them."""
    if isinstance(part, datetime):
        return f"{part.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    if isinstance(part, dict):
        return {name: _write_times(value) for name, value in part.items() if value is not None}
    return [_write_times(item) for item in part] if isinstance(part, list) else part


def problem(refusal: Refusal) -> func.HttpResponse:
    """Answer with problem details: what is wrong, in which fields, whether a retry helps, and what to do."""
    error, status = refusal.detail, status_of(refusal.detail.code)
    document: dict[str, Any] = {
        "type": f"urn:hsm-provisioner:error:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "advice": error.advice,
        "errors": [{"field": item.field, "message": item.message, "code": item.code} for item in error.errors],
        **refusal.members,
    }
    if error.azure_request_id:
        document["azureRequestId"] = error.azure_request_id
    retry = {"Retry-After": str(math.ceil(error.retry_after or 5))} if error.retryable else {}
    return _respond(status, document, "application/problem+json", {**retry, **refusal.headers})


def _respond(status: int, document: dict[str, Any], kind: str, headers: dict[str, str]) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(document, ensure_ascii=False),
        status_code=status,
        mimetype=kind,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers},
    )
