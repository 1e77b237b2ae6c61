"""Blob storage's refusals (source: Azure Storage REST API, Status and error codes)."""

import uuid
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

from starlette.responses import Response

from local.azure.core.errors import ServiceFault

_UNAUTHENTICATED: Final = (
    "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
)


def unauthenticated(tenant_id: str, *, with_token: bool) -> ServiceFault:
    """Make the 401 for a token that is missing or wrong."""
    login = f"https://login.microsoftonline.com/{tenant_id}/oauth2/authorize"
    challenge = f"Bearer authorization_uri={login} resource_id=https://storage.azure.com"
    code = "InvalidAuthenticationInfo" if with_token else "NoAuthenticationInformation"
    return ServiceFault(401, code, _UNAUTHENTICATED, {"WWW-Authenticate": challenge})


def no_account() -> ServiceFault:
    """Make the 404 for a host name of no account; in reality it does not resolve."""
    return ServiceFault(404, "ResourceNotFound", "The specified account does not exist.")


def blob_exists() -> ServiceFault:
    """Make the 409 for a blob that was to be made only if there is none."""
    return ServiceFault(409, "BlobAlreadyExists", "The specified blob already exists.")


def blob_immutable() -> ServiceFault:
    """Make the 409 for a blob in an immutable container."""
    message = "This operation is not permitted as the blob is immutable due to a policy."
    return ServiceFault(409, "BlobImmutableDueToPolicy", message)


def container_immutable() -> ServiceFault:
    """Make the 409 for an immutable container; the code is an assumption, named in public without an answer."""
    message = "The container is protected from deletion due to ImmutabilityPolicy."
    return ServiceFault(409, "ContainerProtectedFromDeletion", message)


def not_permitted() -> ServiceFault:
    """Make the 403 for a caller whose roles allow none of the data actions."""
    message = "This request is not authorized to perform this operation using this permission."
    return ServiceFault(403, "AuthorizationPermissionMismatch", message)


def overwrite_not_permitted() -> ServiceFault:
    """Make the 403 for a caller who may add blobs and not replace them."""
    return ServiceFault(403, "UnauthorizedBlobOverwrite", "This request is not authorized to perform blob overwrites.")


def no_batches() -> ServiceFault:
    """Make the 404 for what this layer could not look into."""
    return ServiceFault(404, "NotInLocalAzure", "The local Azure has no batches of blob operations.")


def write_fault(fault: ServiceFault) -> Response:
    """Write a refusal as Blob storage does."""
    request_id = str(uuid.uuid4())
    message = f"{fault.message}\nRequestId:{request_id}\nTime:{datetime.now(UTC).isoformat()}"
    text = f"<Error><Code>{fault.code}</Code><Message>{escape(message)}</Message></Error>"
    headers = {**fault.headers, "x-ms-error-code": fault.code, "x-ms-request-id": request_id}
    return Response(f'<?xml version="1.0" encoding="utf-8"?>{text}', fault.status, headers, "application/xml")
