"""The request of docs/handover.md is one, and asks for every part."""

import json
import re
from datetime import UTC, datetime
from typing import Final

from domain.handover.request import Handover
from domain.handover.steps import BUILDING, PASSING, steps_of
from domain.requests import HsmRequest, check_request
from local.child_process import REPOSITORY

GUIDE: Final = (REPOSITORY / "docs" / "handover.md").read_text()


def test_the_request_with_everything_is_one() -> None:
    text, _ = re.findall(r"^```json\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    request = HsmRequest.model_validate(json.loads(text))
    check_request(request, datetime.now(UTC))
    assert request.handover is not None
    assert {name for name in Handover.model_fields if getattr(request.handover, name) is None} == {PASSING}
    assert set(steps_of(request.handover, request)) == {*BUILDING, "reach_data_plane"}
