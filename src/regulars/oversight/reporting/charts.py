"""Charts as SVG text, drawn on the server in the house's one style, for pages, reports and mail.

Every function takes plain values whose texts are already in the reader's language, and gives one self-contained
`<svg>`: no script, no font or picture from elsewhere, a title for whoever cannot see it, as wide as its place.
Texts may come from a customer's file: Vega writes them escaped.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Any, Literal

import altair as alt
import vl_convert as vlc
from altair.utils.schemapi import debug_mode

ACCENT = "#3d8b40"
INK = "#2d2b27"
MUTED = "#77726a"
GRID = "#ebe6dc"
SOFT = "#a8cfa2"
SAND = "#dcd3c3"
AMBER = "#c07a2c"
PAPER = "#fffdf8"
#: Light to dark: from almost paper to the accent's deep end.
RAMP = ("#f3f7ee", "#d5e8cd", "#a8cfa2", "#6fae6c", "#3d8b40", "#28662c")
FONT = "system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
#: Counted up whenever the same values shall look different: what was drawn before is then drawn again.
EDITION = 1
#: What a chart is drawn for: a page, half of one, or a telephone held upright.
WIDE, HALF, NARROW = 720, 510, 340
#: The narrow drawing takes over below this width of the window, in CSS pixels.
TURN = 600

Tone = Literal["accent", "soft", "sand", "amber"]
_TONES: dict[Tone, str] = {"accent": ACCENT, "soft": SOFT, "sand": SAND, "amber": AMBER}


@dataclass(frozen=True)
class Series:
    """One colour of a bar chart; `values` has one number for each label."""

    name: str
    tone: Tone
    values: Sequence[float]


@dataclass(frozen=True)
class Point:
    """A value with its interval and the number of customers it rests on; None leaves a gap."""

    label: str
    value: float | None
    low: float
    high: float
    n: int
    is_incomplete: bool = False


@dataclass(frozen=True)
class Cell:
    """One square of a heat map: `share` (0 to 1) gives the colour, `text` is written in it, `note` small below."""

    row: str
    column: str
    share: float | None
    text: str
    note: str = ""
    is_incomplete: bool = False


#: Where the values will be. Altair copies all that a layer holds again and again, which took longer than drawing.
_GIVEN_LAST = alt.NamedData(name="values")
# Altair checks each part of a chart against its schema, which takes longer than drawing; the tests draw all four kinds.
_unchecked = debug_mode(False)


@_unchecked
def bars(
    labels: Sequence[str], series: Sequence[Series], *, alt_text: str, axis: str, suffix: str = "", width: int = WIDE
) -> str:
    """Stacked bars, the first series at the bottom, a legend above when there are several.

    `suffix` is written after each number of the axis ("k", "万"); values are already in that unit.
    """
    rows = [
        {"label": label, "series": one.name, "order": place, "value": value}
        for place, one in enumerate(series)
        for label, value in zip(labels, one.values, strict=True)
    ]
    legend = (
        alt.Legend(title=None, orient="top", direction="horizontal", symbolType="square") if len(series) > 1 else None
    )
    chart = (
        alt.Chart(_GIVEN_LAST)
        .mark_bar(cornerRadiusTopLeft=1, cornerRadiusTopRight=1)
        .encode(
            x=_label_axis(labels, width),
            y=alt.Y("value:Q", title=axis, axis=_value_axis(suffix)),
            color=alt.Color(
                "series:N",
                scale=alt.Scale(domain=[s.name for s in series], range=[_TONES[s.tone] for s in series]),
                sort=[s.name for s in series],
                legend=legend if len(series) > 1 else None,
            ),
            order=alt.Order("order:Q"),
        )
    )
    return _svg(chart.properties(width=width - 70, height=_height(width)), rows, alt_text)


@_unchecked
def line(
    points: Sequence[Point], *, alt_text: str, axis: str, across: str = "", unit: str = "%", width: int = WIDE
) -> str:
    """A line of values with the band of their 95 % intervals; incomplete points are hollow, n stands under each label.

    Values are shares from 0 to 1 and shown in per cent when `unit` is "%".
    """
    times = 100 if unit == "%" else 1
    labels = [f"{p.label}\n{p.n:,}" for p in points]
    rows = [
        {
            "label": label,
            "value": p.value * times,
            "low": p.low * times,
            "high": p.high * times,
            "incomplete": p.is_incomplete,
        }
        for label, p in zip(labels, points, strict=True)
        if p.value is not None
    ]
    x = _label_axis(labels, width, title=across)
    y = alt.Y("value:Q", title=axis, axis=_value_axis(unit), scale=alt.Scale(zero=True, nice=True))
    base = alt.Chart(_GIVEN_LAST)
    band = base.mark_area(color=SOFT, opacity=0.45, line=False).encode(
        x=x, y=alt.Y("low:Q", title=axis), y2=alt.Y2("high:Q")
    )
    whisker = base.mark_rule(color=SOFT, strokeWidth=1).encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high:Q"))
    stroke = base.mark_line(color=ACCENT, strokeWidth=2.2).encode(x=x, y=y)
    dots = base.mark_point(size=42, filled=True, opacity=1, stroke=ACCENT, strokeWidth=1.6).encode(
        x=x, y=y, fill=_either(alt.FillValue, "datum.incomplete", PAPER, ACCENT)
    )
    chart = alt.layer(band, whisker, stroke, dots)
    return _svg(chart.properties(width=width - 70, height=_height(width)), rows, alt_text)


@_unchecked
def heatmap(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Cell],
    *,
    alt_text: str,
    across: str,
    width: int = WIDE,
    row_height: int = 34,
) -> str:
    """Squares coloured by share: cohorts by month. The largest share is darkest; incomplete squares are dashed."""
    top = max((cell.share or 0.0 for cell in cells), default=0.0) or 1.0
    values = [
        {
            "row": cell.row,
            "column": cell.column,
            "share": cell.share or 0.0,
            "text": cell.text,
            "note": cell.note,
            "incomplete": cell.is_incomplete,
            "dark": (cell.share or 0.0) > 0.65 * top,
        }
        for cell in cells
    ]
    base = alt.Chart(_GIVEN_LAST).encode(
        x=alt.X(
            "column:O",
            sort=list(columns),
            scale=alt.Scale(domain=list(columns), paddingInner=0.06),
            title=across,
            axis=alt.Axis(orient="top", labelAngle=0, domain=False, ticks=False),
        ),
        y=alt.Y(
            "row:O",
            sort=list(rows),
            scale=alt.Scale(domain=list(rows), paddingInner=0.08),
            title=None,
            axis=alt.Axis(domain=False, ticks=False, labelLimit=160),
        ),
    )
    has_notes = any(cell.note for cell in cells)
    squares = base.mark_rect(cornerRadius=3).encode(
        color=alt.Color("share:Q", scale=alt.Scale(domain=[0, top], range=list(RAMP)), legend=None),
        stroke=_either(alt.StrokeValue, "datum.incomplete", MUTED, None),
        strokeDash=_either(alt.StrokeDashValue, "datum.incomplete", [3, 2], [0, 0]),
    )
    ink = _either(alt.ColorValue, "datum.dark", "#ffffff", INK)
    texts = base.mark_text(fontSize=12, dy=-5 if has_notes else 0).encode(text=alt.Text("text:N"), color=ink)
    notes = base.mark_text(fontSize=9, dy=9, opacity=0.8).encode(text=alt.Text("note:N"), color=ink)
    chart = alt.layer(squares, texts, notes) if has_notes else alt.layer(squares, texts)
    return _svg(chart.properties(width=width - 130, height=row_height * max(len(rows), 1)), values, alt_text)


@_unchecked
def grid(
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Cell],
    *,
    alt_text: str,
    across: str,
    down: str,
    width: int = WIDE,
) -> str:
    """Recency by frequency: `note` (the group's name, line breaks allowed) above, `text` (how many) below it."""
    top = max((cell.share or 0.0 for cell in cells), default=0.0) or 1.0
    values = [
        {
            "row": cell.row,
            "column": cell.column,
            "share": cell.share or 0.0,
            "text": cell.text,
            "note": cell.note,
            "dark": (cell.share or 0.0) > 0.65 * top,
            "empty": not cell.share,
        }
        for cell in cells
    ]
    is_narrow = width < TURN
    base = alt.Chart(_GIVEN_LAST).encode(
        x=alt.X(
            "column:O",
            sort=list(columns),
            title=across,
            scale=alt.Scale(paddingInner=0.04),
            axis=alt.Axis(labelAngle=0, domain=False, ticks=False),
        ),
        y=alt.Y(
            "row:O",
            sort=list(rows),
            title=down,
            scale=alt.Scale(paddingInner=0.05),
            axis=alt.Axis(domain=False, ticks=False),
        ),
    )
    squares = base.mark_rect(cornerRadius=4).encode(
        color=alt.Color("share:Q", scale=alt.Scale(domain=[0, top], range=list(RAMP)), legend=None),
    )
    ink = _either(alt.ColorValue, "datum.dark", "#ffffff", INK)
    names = base.mark_text(
        fontSize=9 if is_narrow else 11, dy=-16 if is_narrow else -12, lineBreak="\n", baseline="middle"
    ).encode(text=alt.Text("note:N"), color=ink, opacity=_either(alt.OpacityValue, "datum.empty", 0.55, 0.9))
    counts = base.mark_text(fontSize=12 if is_narrow else 16, fontWeight=600, dy=15).encode(
        text=alt.Text("text:N"), color=ink, opacity=_either(alt.OpacityValue, "datum.empty", 0.55, 1)
    )
    chart = alt.layer(squares, names, counts)
    return _svg(chart.properties(width=width - 60, height=5 * (64 if is_narrow else 68)), values, alt_text)


def figure(wide: str, narrow: str) -> str:
    """Both drawings of one chart; the page's style shows the one that fits (`STYLE`)."""
    return f'<div class="chart-wide">{wide}</div><div class="chart-narrow">{narrow}</div>'


#: What a page needs besides, once.
STYLE = (
    ".chart-wide,.chart-narrow{font-variant-numeric:tabular-nums}.chart-narrow{display:none}"
    f"@media screen and (max-width:{TURN}px){{.chart-wide{{display:none}}.chart-narrow{{display:block}}}}"
)


def _either(channel: Callable[..., Any], test: str, then: Any, otherwise: Any) -> Any:
    """What `alt.condition` says. That gives a dictionary, in which Altair looks for its classes longer than all drawing
    takes."""
    return channel(otherwise, condition={"test": test, "value": then})


def _height(width: int) -> int:
    return 250 if width >= TURN else 190


def _label_axis(labels: Sequence[str], width: int, title: str = "") -> alt.X:
    room = (width - 70) / max(len(labels), 1)
    longest = max((_pixels(part) for label in labels for part in label.split("\n")), default=1)
    every = max(1, -(-longest // int(max(room, 1))))
    return alt.X(
        "label:O",
        sort=list(labels),
        title=title or None,
        scale=alt.Scale(domain=list(labels), paddingInner=0.25, paddingOuter=0.2),
        axis=alt.Axis(
            labelAngle=0,
            labelExpr="split(datum.label, '\\n')",
            values=[label for place, label in enumerate(labels) if place % every == 0],
            ticks=False,
        ),
    )


def _pixels(text: str) -> int:
    """About how wide a label is, with room beside it: Chinese is twice as wide as Latin."""
    return 8 + sum(12 if letter > "\u2e7f" else 7 for letter in text)


def _value_axis(suffix: str) -> alt.Axis:
    return alt.Axis(labelExpr=f"datum.label + '{suffix}'", tickCount=5, domain=False, ticks=False, format=",~f")


def _svg(chart: Any, values: Sequence[Mapping[str, object]], alt_text: str) -> str:
    spec = chart.configure(
        aria=False,
        background="transparent",
        font=FONT,
        padding=4,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=MUTED,
            titleColor=MUTED,
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
            gridColor=GRID,
            domainColor=SAND,
            labelPadding=6,
        ),
        axisX=alt.AxisConfig(grid=False),
        legend=alt.LegendConfig(labelColor=INK, labelFontSize=12, symbolSize=90, columnPadding=22),
    ).to_dict(validate=False)
    spec["datasets"] = {_GIVEN_LAST.name: values}
    return _self_contained(_drawn(json.dumps(spec)), alt_text)


@lru_cache(maxsize=256)
def _drawn(spec: str) -> str:
    """The same chart is asked for again and again until readings change, and drawing takes a tenth of a second."""
    svg: str = vlc.vegalite_to_svg(spec)
    return svg


def _self_contained(svg: str, alt_text: str) -> str:
    """Scales with its place, says what it shows, and shares no id with another chart of the same page."""
    match = re.match(r"<svg[^>]*\bviewBox=\"([^\"]+)\"[^>]*>", svg)
    if match is None:
        raise ValueError("not an SVG with a viewBox")
    # One font for all of it, said once; Vega says it for each text.
    body = svg[match.end() :].replace(f' font-family="{escape(FONT, quote=False)}"', "")
    for place, name in enumerate(re.findall(r'\bid="([^"]+)"', body)):
        body = body.replace(f'id="{name}"', f'id="@{place}"').replace(f"url(#{name})", f"url(#@{place})")
    mark = "c" + hashlib.blake2b((body + alt_text).encode(), digest_size=6).hexdigest()
    body = body.replace('id="@', f'id="{mark}-').replace("url(#@", f"url(#{mark}-")
    title = f'<title id="{mark}">{escape(alt_text)}</title>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{match[1]}" width="100%" role="img" aria-labelledby="{mark}"'
        f' font-family="{escape(FONT, quote=False)}">{title}{body}'
    )
