"""Draws a trace as a waterfall: a row for each request, operation and activity, with its calls to Azure below."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Final

from local.telemetry import SeenSpan

WIDTH: Final = 1000
_LEFT: Final = 216
_RIGHT: Final = 24
_TOP: Final = 76
_ROW: Final = 30
_SERVICES: Final = {
    "Resource Manager": ("management.azure.com", "#0072b2", "#56b4e9"),
    "Managed HSM": (".managedhsm.azure.net", "#b3540a", "#f0a04b"),
    "Key Vault": (".vault.azure.net", "#8a3d74", "#d98fc0"),
    "Storage": (".blob.core.windows.net", "#00795a", "#3fc79a"),
}
_OTHERS: Final = ("Others", "#6b6b6b", "#a8a8a8")
_STEPS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60)
_MOST_LINES: Final = 12


def draw(spans: Sequence[SeenSpan]) -> str:
    """Draw the spans of one trace, in the order in which they began, as an SVG for light and for dark pages."""
    rows = _rows(spans)
    began = min(span.began for span in spans)
    seconds = max((span.ended - began).total_seconds() for span in spans)
    height = _TOP + _ROW * len(rows) + 62
    scale = (WIDTH - _LEFT - _RIGHT) / seconds
    children: dict[str | None, list[SeenSpan]] = {}
    for span in spans:
        if span.is_call:
            children.setdefault(span.parent, []).append(span)
    looks = f'viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {looks} role="img">',
        "<title>The trace of one provision</title>",
        f"<style>{_style()}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
        f'<text class="title" x="20" y="30">One provision, one trace: {len(spans)} spans in {seconds:.1f} s</text>',
        *_axis(seconds, scale, height),
    ]
    for number, (name, bars) in enumerate(rows.items()):
        top = _TOP + _ROW * number
        parts.append(f'<text x="20" y="{top + 13}">{escape(name)}</text>')
        for bar in bars:
            kind = "failed" if not bar.success else "request" if bar.is_request else _kind(bar)
            parts.append(_box(bar, began, scale, top + 3, 12, kind))
            parts += [_box(call, began, scale, top + 17, 6, _service_class(call)) for call in children.get(bar.id, [])]
    parts += [*_legend(spans, height), "</svg>"]
    return "\n".join(parts) + "\n"


def _rows(spans: Sequence[SeenSpan]) -> dict[str, list[SeenSpan]]:
    """Give the bars of each row: an activity that asks again and again has one row."""
    rows: dict[str, list[SeenSpan]] = {}
    wholes = [span for span in spans if span.is_request or _kind(span) == "operation"]
    activities = [span for span in spans if not span.is_call and span not in wholes]
    for span in [*sorted(wholes, key=lambda span: not span.is_request), *activities]:
        rows.setdefault(span.name, []).append(span)
    return rows


def _kind(span: SeenSpan) -> str:
    return "operation" if span.name.endswith(" operation") else "activity"


def _box(span: SeenSpan, began: datetime, scale: float, top: float, height: float, kind: str) -> str:
    left = _LEFT + (span.began - began).total_seconds() * scale
    width = max(span.seconds * scale, 1.5)
    what = f"{span.name.partition(' ')[0]} {span.target}" if span.is_call else span.name
    told = escape(f"{what} {span.result if span.is_call else ''}".strip() + f", {span.seconds * 1000:.0f} ms")
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{height}" rx="1.5">'
        f"<title>{told}</title></rect>"
    )


def _axis(seconds: float, scale: float, height: int) -> Iterator[str]:
    step = next((step for step in _STEPS if seconds / step <= _MOST_LINES), _STEPS[-1])
    for number in range(int(seconds / step) + 1):
        left = _LEFT + number * step * scale
        yield f'<line class="grid" x1="{left:.1f}" x2="{left:.1f}" y1="{_TOP - 8}" y2="{height - 56}"/>'
        yield f'<text class="quiet" x="{left:.1f}" y="{_TOP - 14}" text-anchor="middle">{number * step:g} s</text>'


def _legend(spans: Sequence[SeenSpan], height: int) -> Iterator[str]:
    counts = Counter(_service(span) for span in spans if span.is_call)
    left = 20
    yield f'<text class="quiet" x="20" y="{height - 34}">Below each bar: its calls to Azure</text>'
    for name, count in counts.most_common():
        words = f"{name}: {count}"
        yield f'<rect class="{_class(name)}" x="{left}" y="{height - 23}" width="10" height="10" rx="1.5"/>'
        yield f'<text x="{left + 16}" y="{height - 14}">{words}</text>'
        left += 40 + 7 * len(words)


def _service(span: SeenSpan) -> str:
    host = span.target.partition(":")[0]
    return next((name for name, (suffix, _, _) in _SERVICES.items() if host.endswith(suffix)), _OTHERS[0])


def _service_class(span: SeenSpan) -> str:
    return _class(_service(span))


def _class(service: str) -> str:
    return service.lower().replace(" ", "-")


def _style() -> str:
    colors = [*((name, light, dark) for name, (_, light, dark) in _SERVICES.items()), _OTHERS]
    light = "".join(f".{_class(name)}{{fill:{color}}}" for name, color, _ in colors)
    dark = "".join(f".{_class(name)}{{fill:{color}}}" for name, _, color in colors)
    return (
        "text{fill:#1f2328}.title{font-size:16px;font-weight:600}.quiet{fill:#59636e;font-size:11px}"
        ".page{fill:#fff;stroke:#d1d9e0}.grid{stroke:#d1d9e0;stroke-width:1}"
        f".request{{fill:#6e5494}}.operation{{fill:#8c959f}}.activity{{fill:#4d6fa9}}.failed{{fill:#c1121f}}{light}"
        "@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.quiet{fill:#9198a1}"
        ".page{fill:#0d1117;stroke:#3d444d}.grid{stroke:#3d444d}"
        f".request{{fill:#b197fc}}.operation{{fill:#6e7781}}.activity{{fill:#7c9bd6}}.failed{{fill:#ff7b72}}{dark}}}"
    )
