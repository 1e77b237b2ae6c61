"""Restoring a security domain into a new HSM: what is asked, what custodians are shown, what of them is accepted."""

import json
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

from domain.backups import FullBackup
from domain.errors import ErrorDetail, FieldError, ServiceError, refused_fields, service_error
from domain.model import Model
from domain.names import OPERATION_ID, hsm_of_operation, normalise_hsm_name
from domain.requests import HsmSpecification, TeamField, parse_body
from domain.security_domain.documents import LARGEST, read_document
from domain.security_domain.errors import SecurityDomainError
from domain.security_domain.restoring import TransferKey, check_restore_blob, read_transfer_key

LARGEST_BLOB: Final = LARGEST
BLOB_NAME: Final = "restore-blob.json"


def _name(text: str) -> str:
    try:
        return normalise_hsm_name(text)
    except ValueError as error:
        code, message = "invalid_field", "{reason}"
        raise PydanticCustomError(code, message, {"reason": str(error)}) from None


class RestoreSource(Model):
    """Whose security domain is restored."""

    hsm: Annotated[str, Field(max_length=24), AfterValidator(_name)]
    """The HSM whose stored security domain is restored; it need not exist any more."""
    operation_id: Annotated[str, Field(max_length=51, pattern=f"^{OPERATION_ID.pattern}$")] | None = None
    """The operation that made the HSM, or took it over: of its `earlierHsms` where another one has the name by now.

    Absent: the HSM that has the name now, or had it last.
    """


class RestoreRequest(HsmSpecification):
    """The body of `POST /api/hsms/{name}/restore`: the new HSM as a PUT describes it, and what is restored into it.

    Of `handover` a restore does what is about its network and the service's administration; nothing else is built.
    """

    source: RestoreSource
    """What is restored."""
    backup: FullBackup | None = None
    """The full backup that is restored afterwards, so that the keys come back. Absent: none is."""
    team: TeamField | None = None
    """The team that the new HSM is to belong to. A caller of one team may leave it out."""


class RecordedTransferKey(Model):
    """The key to which the restore blob must be encrypted, as the HSM gave it when it was first asked."""

    thumbprint: str
    """The SHA-256 of the key's certificate (DER), as base64url without padding: what a restore blob names it by."""
    sha256: str
    """The same in hex, as people compare it."""
    jwk: dict[str, Any]
    """The key as the HSM gave it: a JWK, with the certificate in `x5c`."""
    fetched_at: AwareDatetime
    """When it was fetched."""
    blob_awaited_until: AwareDatetime
    """Until when a restore blob that is encrypted to it is waited for."""

    def read(self) -> TransferKey:
        """Read the key itself."""
        return read_transfer_key(json.dumps(self.jwk))


class RestoreBlobState(Model):
    """What became of the restore blob that was looked at last."""

    etag: str
    """The ETag that the blob had."""
    verdict: Literal["Accepted", "Refused"]
    """Whether it can be uploaded. After a refused one another is waited for."""
    code: str | None = None
    """Why it was refused: a stable code."""
    message: str | None = None
    """Why it was refused, in words for people."""
    seen_at: AwareDatetime
    """When it was looked at."""


def parse_restore(body: bytes, name: str) -> RestoreRequest:
    """Read the body of a restore; raises ServiceError that names each field which cannot be accepted."""
    request = parse_body(RestoreRequest, body)
    if request.source.hsm == name:
        message = "A security domain is restored into another HSM than its own: choose another name for that."
        raise refused_fields([FieldError(field="source.hsm", message=message, code="invalid_field")])
    operation_id = request.source.operation_id
    if operation_id is not None and hsm_of_operation(operation_id) != request.source.hsm:
        message = "This is no operation of the HSM that source.hsm names."
        raise refused_fields([FieldError(field="source.operationId", message=message, code="invalid_field")])
    return request


def judge_restore_blob(content: bytes, key: TransferKey) -> str:
    """Give the text of a restore blob that can be uploaded, as far as that shows without any private key.

    Raises ServiceError: one of `domain.restore_rules.BLOB_REFUSALS`.
    """
    try:
        if "SharedKeys" in read_document(content, "a restore blob"):
            raise refuse_blob("restore_blob_is_security_domain", _WHOLE)
        check_restore_blob(content, key.thumbprint, key.modulus_bytes)
    except SecurityDomainError as error:
        code = "restore_blob_malformed" if error.code == "not_json" else error.code
        raise refuse_blob(code, error.message) from None
    return content.decode()


_WHOLE: Final = (
    "This is a security domain itself, and no restore blob: take it away from here now. It is not uploaded. Its "
    "custodians make a restore blob of it, offline."
)


def refuse_blob(code: str, message: str) -> ServiceError:
    """Make the error of a restore blob that is not uploaded."""
    return service_error(code, message, advice="Store another restore blob in its place: it is still waited for.")


def same_refusal(state: RestoreBlobState | None, etag: str, error: ErrorDetail) -> bool:
    """Say whether a refusal is known already."""
    return state is not None and (state.etag, state.code) == (etag, error.code)
