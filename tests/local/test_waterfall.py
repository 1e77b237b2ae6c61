"""The picture of a trace: every span is in it, where it belongs; the one in the docs is of a whole provision."""

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

from domain.steps import PROVISION_STEPS
from local.child_process import REPOSITORY
from local.demo import NOT_NEEDED
from local.telemetry import SeenSpan
from local.waterfall import draw

SVG = "{http://www.w3.org/2000/svg}"
BEGAN = datetime(2026, 11, 30, 12, tzinfo=UTC)


def span(name: str, parent: str | None, began: float, seconds: float, **others: Any) -> SeenSpan:
    usual = {"success": True, "target": "", "result": "", "properties": {}, "is_request": False}
    return SeenSpan(
        id=others.pop("id", name),
        parent=parent,
        trace="t",
        name=name,
        began=BEGAN + timedelta(seconds=began),
        seconds=seconds,
        **{**usual, **others},
    )


def boxes(picture: str) -> list[tuple[str, float, float, float]]:
    """The class, the left edge, the top and the width of what is drawn of spans."""
    found = [box for box in ET.fromstring(picture).iter(f"{SVG}rect") if box.find(f"{SVG}title") is not None]
    return [
        (box.attrib["class"], float(box.attrib["x"]), float(box.attrib["y"]), float(box.attrib["width"]))
        for box in found
    ]


def test_every_span_is_drawn_where_it_belongs() -> None:
    spans = [
        span("PUT /<x>", None, 0, 1, is_request=True),
        span("provision operation", "PUT /<x>", 0.5, 3.5),
        span("preflight", "provision operation", 1, 1),
        span("GET /", "preflight", 1.5, 0.25, id="c1", target="management.azure.com", result="200"),
        span("await_ready", "provision operation", 2, 0.5, id="first"),
        span("await_ready", "provision operation", 3, 1, id="second", success=False),
        span("GET /", "second", 3, 0.5, id="c2", target="x.managedhsm.azure.net", result="200"),
    ]
    picture = draw(spans)
    drawn = {kind: place for kind, *place in boxes(picture)}
    assert len(boxes(picture)) == len(spans)
    assert "PUT /<x>" in ET.fromstring(picture).itertext()
    second = drawn["failed"][2]
    assert drawn["request"][2] == second
    assert drawn["operation"][2] == 3.5 * second
    # A call lies below the bar of what made it.
    assert drawn["managed-hsm"][0] == drawn["failed"][0]
    assert 0 < drawn["managed-hsm"][1] - drawn["failed"][1] < 20
    assert drawn["resource-manager"][0] > drawn["request"][0] + second


def test_the_picture_in_the_docs_is_of_a_whole_provision() -> None:
    picture = (REPOSITORY / "docs" / "images" / "trace-of-a-provision.svg").read_text()
    texts = set(ET.fromstring(picture).itertext())
    needed = set(PROVISION_STEPS) - set(NOT_NEEDED) - {"give_up_administration"}
    assert {"PUT /api/hsms/{name}", "provision operation"} | needed <= texts
    assert not [kind for kind, *_ in boxes(picture) if kind == "failed"]
    assert "images/trace-of-a-provision.svg" in (REPOSITORY / "docs" / "observability.md").read_text()
