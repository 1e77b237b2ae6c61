"""A POST with an Idempotency-Key: carried out once, and answered the same whenever it is sent again."""

import contextlib
import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from clients.repeats import create_repeat, find_repeat, replace_repeat
from domain.error_catalogue import status_of
from domain.errors import FieldError, ServiceError, refused_fields
from domain.repeats import KeptAnswer, Repeat, fingerprint_of, in_progress, judge, key_path
from triggers.door.calls import Answer, Call
from triggers.door.problems import show
from triggers.routes import Route

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
_KEY: Final = re.compile(r"[!-~]{1,255}")


def read_key(route: Route, text: str | None) -> str | None:
    """Read the key of a POST; raises ServiceError `invalid_header`."""
    if route.method != "POST" or text is None:
        return None
    if not _KEY.fullmatch(text):
        message = "This is 1 to 255 visible ASCII characters."
        raise refused_fields([FieldError(field=HEADER, message=message, code="invalid_header")])
    return text


def carry_out_once(route: Route, call: Call, key: str, carry_out: Callable[[Call], Answer]) -> Answer:
    """Carry a request out, or answer as it was answered before.

    Raises what carrying it out raises, and ServiceError `idempotency_key_reused`, `request_in_progress`.
    """
    name = key_path(call.caller, call.grant.teams, key)
    fingerprint = fingerprint_of(route.method, route.path.format(**call.path), call.body)
    begun = Repeat(fingerprint=fingerprint, begun_at=datetime.now(UTC))
    held = find_repeat(name)
    if held is None:
        etag = create_repeat(name, begun)
    elif judge(held.repeat, fingerprint, datetime.now(UTC)) == "replay" and held.repeat.answer is not None:
        kept = held.repeat.answer
        return Answer(kept.status, kept.document, {**kept.headers, REPLAYED: "true"})
    else:
        etag = replace_repeat(name, begun, held.etag)
    if etag is None:
        raise in_progress()
    return _carry_out(name, begun, etag, lambda: carry_out(call))


def _carry_out(name: str, begun: Repeat, etag: str, carry_out: Callable[[], Answer]) -> Answer:
    """Carry it out and keep the answer; whatever ends it, the key does not say any more that it is being done."""
    ended = begun.model_copy(update={"begun_at": None})
    try:
        answer = carry_out()
        kept = KeptAnswer(status=answer.status, headers=answer.headers, document=show(answer.document or {}))
        ended = ended.model_copy(update={"answer": kept})
    except ServiceError as error:
        if _changed_nothing(error):
            ended = ended.model_copy(update={"fingerprint": None})
        raise
    else:
        return answer
    finally:
        # It was carried out, or not: if that cannot be kept, the same request is carried out again, which is harmless.
        with contextlib.suppress(ServiceError):
            replace_repeat(name, ended, etag)


def _changed_nothing(error: ServiceError) -> bool:
    return HTTPStatus(status_of(error.detail.code)).is_client_error
