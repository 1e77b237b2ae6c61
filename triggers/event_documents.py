"""The page about the events that are published, and the JSON Schema of what each says."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from domain.published_events.examples import EXAMPLES
from domain.published_events.model import EVENTS, EventData, PublishedEvent, type_of, wrap
from triggers.openapi.schemas import write_schema

_SOURCE: Final = "api://hsm-provisioner"
_WORDS: Final = {"string": "text", "date-time": "time", "boolean": "true or false", "object": "object"}
_TIME: Final = datetime(2026, 11, 1, 9, tzinfo=UTC)


def write_events(generated: str) -> str:
    """Write the page; `generated` is the line that says what it is made of."""
    return f"""\
# Events

{generated}

What becomes of HSMs, as events for whoever would otherwise ask for it again and again. A deployment that names an Event
Grid topic (`HSM_PROVISIONER_EVENTS_TOPIC`, [operators.md](operators.md#events)) publishes them there, each at least
once. Each is a CloudEvent 1.0:

{_write_table(_list_members(write_schema(PublishedEvent)))}

An event may come twice, with the same `source` and `id`, and it may come after a later one: go by `time`, and by what
the API says. One that the topic did not take for seven days is not sent any more. Members may be added to a version of
a type: take no notice of those that you do not know. Error codes are those of [error-codes.md](error-codes.md). No
event holds anything secret, and none proves anything: whoever acts on one asks the API first. Below are the members
that the data of each type has besides those above.

{"\n".join(_write_event(event) for event in EVENTS)}"""


def write_event_schema(event: type[EventData]) -> str:
    """Write the JSON Schema of what an event says."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **write_schema(event), "title": type_of(event)}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def name_schema(event: type[EventData]) -> str:
    """Name the file of that schema."""
    return f"{type_of(event)}.json"


def _write_event(event: type[EventData]) -> str:
    schema, common = write_schema(event), write_schema(EventData)["properties"]
    example = wrap(
        event.model_validate(EXAMPLES[event.__name__]), event_id=f"example-{event.__name__}", source=_SOURCE, time=_TIME
    )
    return f"""\
## {event.__name__}

{schema["description"]} `{type_of(event)}`; [schema of its data](events/{name_schema(event)}).

{_write_table(row for row in _list_members(schema) if row[0] not in common)}

```json
{json.dumps(json.loads(example.to_json()), indent=2, ensure_ascii=False)}
```
"""


def _write_table(rows: Iterator[tuple[str, str, str]]) -> str:
    cells = "\n".join(f"| `{name}` | {kind} | {meaning} |" for name, kind, meaning in rows)
    return f"| member | type | meaning |\n|---|---|---|\n{cells}"


def _list_members(schema: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """List the members that a schema has, and those of what is in it, each with its type and its meaning."""
    for name, part in schema["properties"].items():
        meaning = " ".join(part.get("description", "").split())
        inner = schema.get("$defs", {}).get(part.get("$ref", "").rpartition("/")[2])
        yield name, _name_type(part), meaning
        if inner and inner.get("properties"):
            for inner_name, kind, inner_meaning in _list_members({**inner, "$defs": schema["$defs"]}):
                yield f"{name}.{inner_name}", kind, inner_meaning


def _name_type(part: dict[str, Any]) -> str:
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{choice}`" for choice in part["enum"])
    if part.get("type") == "array":
        return "list of texts"
    return _WORDS[part.get("format", part.get("type", "object"))]
