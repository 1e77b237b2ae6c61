"""Answers: JSON, and problem details (RFC 9457) with our stable code."""

import json
from http import HTTPStatus
from typing import Any

import azure.functions as func

from domain.errors import ErrorDetail


class Refusal(Exception):  # noqa: N818 - it is an answer, not an accident
    """An HTTP answer other than success."""

    def __init__(
        self,
        status: int,
        error: ErrorDetail,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(error.code)
        self.status = status
        self.error = error
        self.headers = headers or {}
        self.members = members


def answer(status: int, document: dict[str, Any], headers: dict[str, str] | None = None) -> func.HttpResponse:
    """Answer with JSON that no cache keeps."""
    return _respond(status, document, "application/json", headers or {})


def problem(refusal: Refusal) -> func.HttpResponse:
    """Answer with problem details: what is wrong, in which fields, whether a retry helps, and what to do."""
    error = refusal.error
    document: dict[str, Any] = {
        "type": f"urn:hsm-provisioner:error:{error.code}",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "advice": error.advice,
        "errors": [{"field": item.field, "message": item.message, "code": item.code} for item in error.errors],
        **refusal.members,
    }
    if error.azure_request_id:
        document["azureRequestId"] = error.azure_request_id
    return _respond(refusal.status, document, "application/problem+json", refusal.headers)


def _respond(status: int, document: dict[str, Any], kind: str, headers: dict[str, str]) -> func.HttpResponse:
    return func.HttpResponse(
        json.dumps(document, ensure_ascii=False),
        status_code=status,
        mimetype=kind,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **headers},
    )
