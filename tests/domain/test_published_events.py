"""What the published events say: each has an example, a schema that lets members be added, and a meaning for each."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import jsonschema_rs
import pytest
from pydantic import ValidationError

from domain.error_catalogue import CATALOGUE
from domain.published_events.examples import EXAMPLES
from domain.published_events.model import EVENTS, EventData, HsmDecommissioned, type_of, wrap
from triggers.documents import PAGES
from triggers.event_documents import write_event_schema
from triggers.openapi.schemas import write_schema

NOW: Final = datetime(2026, 11, 1, 9, tzinfo=UTC)
each_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)


def example_of(event: type[EventData]) -> dict[str, Any]:
    return EXAMPLES[event.__name__]


def test_every_event_has_an_example() -> None:
    assert list(EXAMPLES) == [event.__name__ for event in EVENTS]
    assert EXAMPLES["HsmProvisionFailed"]["error"]["code"] in CATALOGUE


@each_event
def test_the_example_is_what_is_sent(event: type[EventData]) -> None:
    sent = wrap(event.model_validate(example_of(event)), event_id="1", source="https://here", time=NOW)
    assert sent.model_dump(mode="json", by_alias=True, exclude_none=True) == {
        "specversion": "1.0",
        "id": "1",
        "source": "https://here",
        "type": f"HsmProvisioner.{event.__name__}.v1",
        "subject": "hsms/contoso-hsm",
        "time": "2026-11-01T09:00:00Z",
        "datacontenttype": "application/json",
        "data": example_of(event),
    }


@each_event
def test_the_schema_takes_what_is_sent_and_what_may_be_added(event: type[EventData]) -> None:
    schema, data = json.loads(write_event_schema(event)), example_of(event)
    valid = jsonschema_rs.validator_for(schema).is_valid
    assert valid(data)
    assert valid({**data, "added": 1})
    for name in schema["required"]:
        assert not valid({other: value for other, value in data.items() if other != name})
        assert not valid({**data, name: None})


@each_event
def test_nothing_is_sent_that_has_no_meaning(event: type[EventData]) -> None:
    with pytest.raises(ValidationError):
        event.model_validate({**example_of(event), "secret": "x"})
    schema = write_schema(event)
    for part in [schema, *schema.get("$defs", {}).values()]:
        assert part["description"]
        assert all(member.get("description") for member in part.get("properties", {}).values())


def test_what_is_only_deleted_is_billed_and_what_is_purged_is_not() -> None:
    deleted = EXAMPLES["HsmDecommissioned"]
    purged = {name: value for name, value in deleted.items() if name != "billedUntil"} | {"purged": True}
    assert "billedUntil" not in HsmDecommissioned.model_validate(purged).to_json()
    for contradiction in ({**deleted, "purged": True}, {**purged, "purged": False}):
        with pytest.raises(ValidationError):
            HsmDecommissioned.model_validate(contradiction)


def test_there_is_a_schema_of_each_event_and_no_other_file() -> None:
    written = {path.name for path in PAGES if path.parent.name == "events"}
    assert written == {f"{type_of(event)}.json" for event in EVENTS}
    folder = next(path.parent for path in PAGES if path.parent.name == "events")
    assert {path.name for path in folder.iterdir()} == written
