"""Turns the errors of Azure's SDKs into ours.

Only a status, Azure's short error code and its request id are taken over: a body may hold a security domain.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from json import JSONDecodeError
from typing import TYPE_CHECKING

from domain.errors import ErrorDetail, RefusedByAzure, ServiceError, service_error

if TYPE_CHECKING:
    from azure.core.exceptions import AzureError, HttpResponseError

UNREADABLE = "azure_unreadable"
"""The code of an answer, or of a record of ours, that is not what it should be."""
_LONGEST_WAIT = 3600.0
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


@contextmanager
def our_errors(action: str) -> Iterator[None]:
    """Raise ServiceError in place of what Azure's SDKs raise within; `action` completes 'Azure did not ...'."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        # The cause is cut off: its text can hold Azure's body, and a traceback would print it.
        raise translate(error, action) from None
    except JSONDecodeError:
        # The SDKs let it through where the answer says that it is something else than JSON.
        raise unreadable(action) from None


def translate(error: "AzureError", action: str) -> ServiceError:
    """Classify an error of an SDK; `retryable` says whether the same call can succeed later."""
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

    if isinstance(error, HttpResponseError) and error.status_code:
        return _translate_answer(error, action) if error.status_code >= 400 else unreadable(action)
    if isinstance(error, ClientAuthenticationError):
        return service_error(
            "azure_sign_in_failed",
            f"Azure did not {action}: the service's identity got no token.",
            advice="Check that HSM_PROVISIONER_IDENTITY_CLIENT_ID names a managed identity that the service has.",
            retryable=True,
        )
    return service_error(
        "azure_unreachable",
        f"Azure did not {action}: the connection failed.",
        advice="Nothing is lost. If this lasts, check the service's network and Azure's status page.",
        retryable=True,
    )


def _translate_answer(error: "HttpResponseError", action: str) -> ServiceError:
    status = error.status_code or 0
    headers: Mapping[str, str] = getattr(error.response, "headers", {})
    word = getattr(error.error, "code", None) or getattr(error, "error_code", None)
    named = f" {word}" if isinstance(word, str) and _WORD.fullmatch(word) else ""
    closed = status == 503 and word == "503"
    broken = (status >= 500 or status == 408) and not closed
    code, advice = _CLOSED if closed else _BROKEN if broken else _CLASSES.get(status, _REFUSED)
    if word == "ScopeLocked":
        advice = "A lock in Azure forbids this: remove it, then send the request again."
    detail = ErrorDetail(
        code=code,
        message=f"Azure did not {action}: HTTP {status}{named}.",
        advice=advice,
        # A 403 often is a role assignment on its way: it helps to ask again, a few times.
        retryable=broken or status in (403, 409, 429),
        retry_after=_seconds(headers.get("Retry-After")),
        azure_request_id=headers.get("x-ms-request-id"),
    )
    return ServiceError(detail) if broken else RefusedByAzure(detail)


def unreadable(action: str) -> ServiceError:
    """Make the error of a success whose body is cut off, or is of something between us and Azure."""
    return service_error(
        UNREADABLE,
        f"Azure's answer could not be read, so nobody knows whether it did {action}.",
        advice="Nothing is lost. It is asked again.",
        retryable=True,
    )


# How Azure says that a region makes no new HSMs: 503 with the code "503", "Pool creation is disabled in this region"
# (source: hashicorp/terraform-provider-azurerm, pull request 20855).
_CLOSED = ("region_without_capacity", "Azure makes no new Managed HSMs in this region for now: choose another region.")
_BROKEN = ("azure_unavailable", "Nothing is lost. Azure is busy or broken; it is asked again.")
_REFUSED = ("azure_refused", "See the HTTP status and Azure's error code.")
_CLASSES = {
    401: ("azure_sign_in_failed", "Azure refused the service's token: check its tenant and identity."),
    403: ("azure_forbidden", "Give the service's identity the role that docs/operators.md names for this call."),
    404: ("azure_not_found", "What the call is about does not exist (any more)."),
    409: ("azure_conflict", "Something else is changing this resource; it is tried again."),
    429: ("azure_throttled", "Nothing is lost. Azure asks for patience; it is asked again."),
}


def _seconds(text: str | None) -> float | None:
    """Read `Retry-After`; nobody waits longer than an hour because of one."""
    return min(float(text), _LONGEST_WAIT) if text is not None and text.isdecimal() else None
