"""Event Grid's refusals of what is published.

Sources: Microsoft Learn, "Post to custom topic", for the form; for the texts Azure/azure-sdk-for-net issue 22831 and
azure-sdk-for-python's test_eg_publisher_client.py (401), arcus-azure/arcus.eventgrid issue 145 (400).
"""

import json
import uuid
from datetime import UTC, datetime
from http import HTTPStatus

from local.azure.core.errors import ServiceFault


def make_fault(status: HTTPStatus, code: str, message: str, detail_code: str | None = None) -> ServiceFault:
    """Make a refusal as Event Grid writes them, with a report by which its support finds it again."""
    now = datetime.now(UTC)
    text = (
        f"{message} Report '{uuid.uuid4()}:0:{now:%-m/%-d/%Y %-I:%M:%S %p} (UTC)' to our forums for assistance or "
        "raise a support ticket."
    )
    error = {"code": code, "message": text, "details": [{"code": detail_code or code, "message": text}]}
    return ServiceFault(status, code, message, body=json.dumps({"error": error}).encode())


def unauthorized(message: str) -> ServiceFault:
    """Make the 401: Event Grid answers it also to a known caller that lacks the permission."""
    return make_fault(HTTPStatus.UNAUTHORIZED, "Unauthorized", message)


def bad_request(message: str) -> ServiceFault:
    """Make the 400 for events that are not of the topic's schema."""
    return make_fault(HTTPStatus.BAD_REQUEST, "BadRequest", message, "InputJsonInvalid")


def not_conforming(schema_name: str, reason: str = "") -> ServiceFault:
    """Make the 400 for a body that is of another schema than the topic's."""
    message = (
        f"This resource is configured to receive event in '{schema_name}' schema. The JSON received does not conform "
        f"to the expected schema.{reason}"
    )
    return bad_request(message)


def requires(schema_name: str, member: str) -> ServiceFault:
    """Make the 400 for an event that lacks a member."""
    message = f"This resource is configured for '{schema_name}' schema and requires '{member}' property to be set."
    return bad_request(message)


def too_large() -> ServiceFault:
    """Make the 413."""
    message = "The maximum size (1048576) of a request has been exceeded."
    return make_fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", message)


def unsupported_media_type(media_type: str) -> ServiceFault:
    """Make the 415."""
    message = f"The media type '{media_type}' is not supported."
    return make_fault(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def no_topic(host: str) -> ServiceFault:
    """Make the 404 for a host name of no topic; in reality it does not resolve."""
    return make_fault(HTTPStatus.NOT_FOUND, "NotFound", f"The topic {host} was not found.")
