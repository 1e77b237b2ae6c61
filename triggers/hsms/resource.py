"""HSMs, as the API has them."""

from domain.changes import parse_change
from domain.errors import FieldError, refused_fields
from domain.names import normalise_hsm_name
from domain.requests import parse_request
from triggers.door.calls import Answer, Call
from triggers.hsms.acceptance import accept
from triggers.hsms.changes import accept_change
from triggers.hsms.claiming import Accepted
from triggers.hsms.views import describe_hsm
from triggers.operations.resource import POLL_SECONDS


def put_hsm(call: Call) -> Answer:
    """Accept a request for an HSM, or find what answers it already."""
    name = hsm_name(call)
    return answer_accepted(call, name, accept(call, name, parse_request(call.body)))


def patch_hsm(call: Call) -> Answer:
    """Accept a change of an HSM, or find what answers it already."""
    name = hsm_name(call)
    return answer_accepted(call, name, accept_change(call, name, parse_change(call.body)))


def answer_accepted(call: Call, name: str, accepted: Accepted) -> Answer:
    """Answer with the operation that was accepted, and where to follow it, or with the HSM that is as asked."""
    if accepted.hsm is not None:
        return Answer(200, accepted.hsm.view, {"ETag": accepted.hsm.etag})
    headers = {
        "Operation-Location": call.url(f"operations/{accepted.operation.id}"),
        "Location": call.url(f"hsms/{name}"),
        "Retry-After": POLL_SECONDS,
    }
    return Answer(202, accepted.operation, headers)


def get_hsm(call: Call) -> Answer:
    """Describe an HSM."""
    described = describe_hsm(call, hsm_name(call))
    return Answer(200, described.view, {"ETag": described.etag})


def hsm_name(call: Call) -> str:
    """Read the HSM's name from the path; raises ServiceError `hsm_name_invalid`."""
    try:
        return normalise_hsm_name(call.path["name"])
    except ValueError as error:
        raise refused_fields([FieldError(field="name", message=str(error), code="hsm_name_invalid")]) from None
