"""The interactive view of one image: annotations on it with zoom, hover and clicks. Pure, as draw.py is."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from itertools import pairwise

import plotly.graph_objects as go
from PIL import Image

from dashboard import palette
from dashboard.draw import DEFAULT_LAYERS, NO_IMAGE, SIZE_UNKNOWN, Layers, bone_part, clean_text
from queries.pixels import ImageUnavailable, full_size, open_image
from queries.scene import (
    Instance,
    Joint,
    Rect,
    Scene,
    image_extent,
    size_note,
    to_pixels,
    view_box,
    visibility_words,
)

# For st.plotly_chart(config=...): zoom by wheel, drag to pan, no logo that leads off the machine.
CONFIG = {
    "scrollZoom": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    "toImageButtonOptions": {"format": "png", "scale": 2},
}
MAX_SIDE = 1600
_EDGE_POINTS = 12  # a line answers the pointer only at its points: a box's edges get some between corners
_FAINT = 0.35
_BLANK, _OUTSIDE = {"light": "#d9dce1", "dark": "#4b5058"}, {"light": "#f3f4f6", "dark": "#1b1f27"}


def escape(text: str | None, limit: int = 80) -> str:
    """A dataset's text for Plotly, which reads <b>, <a href>, &entities; and $TeX$ in labels and hovers."""
    shown = clean_text(text, limit)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("$", "&#36;"), ("%", "&#37;")):
        shown = shown.replace(sign, entity)
    return shown


def figure(
    image: bytes | Image.Image | None,
    scene: Scene,
    layers: Layers = DEFAULT_LAYERS,
    theme: str = "light",
    note: str | None = None,
    *,
    focus: int | None = None,
    colors: Mapping[str | None, str] | None = None,
    height: int | None = 640,
    reason: str | None = None,
) -> go.Figure:
    """A Plotly figure of an image with its annotations; pass `CONFIG` where it is shown.

    `image` is the file's bytes, an image from `open_image`, or None; bytes that can't be decoded give a
    blank frame with the reason, and None one with `reason`, by default that it is not on disk. `scene` may
    be normalized. `note` is a sentence below the image. The axes are in pixels of the scene's frame, y
    downwards, whatever the size of the embedded copy. Other annotations than `focus` are faint. A click on
    a joint carries customdata [annotation_id, joint], on a box [annotation_id, None].

    Pixel convention: the plane is continuous, the image covers 0..W by 0..H, and pixel (0, 0) is the unit
    square from (0, 0) to (1, 1). Coordinates are drawn as the source gives them. A source that means pixel
    centres by whole numbers (COCO's annotation tool) is thereby drawn half a pixel up and left; nothing is
    added, since which one is meant is nowhere recorded.
    """
    reason = reason or NO_IMAGE
    if isinstance(image, bytes):
        try:
            image = open_image(image, box_px=MAX_SIDE)
        except ImageUnavailable as error:
            image, reason = None, error.reason
    size = full_size(image) if image is not None else None
    notes = [note, size_note(scene, size) if scene.unit == "pixel" else None]
    scene = to_pixels(scene, *(size or (None, None)))
    if not scene.size_known:
        notes.append(SIZE_UNKNOWN)
    view = view_box(scene)
    fig = go.Figure()
    _background(fig, image, scene, theme, reason)
    shown = colors or palette.category_colors({i.label for i in scene.instances})
    for instances, opacity in _by_focus(scene, focus):
        _boxes(fig, instances, layers, shown, opacity)
        if layers.bones:
            _bones(fig, instances, theme, opacity)
        _joints(fig, instances, scene, layers, opacity)
    stray = _outside(scene, view)
    if stray:
        notes.append(f"{stray} joint{'s lie' if stray > 1 else ' lies'} further outside: zoom out")
    _layout(fig, scene.key, view, theme=theme, height=height, notes=[escape(n, 200) for n in notes if n])
    return fig


def _by_focus(scene: Scene, focus: int | None) -> list[tuple[list[Instance], float]]:
    rest = [i for i in scene.instances if focus is not None and i.annotation_id != focus]
    front = [i for i in scene.instances if focus is None or i.annotation_id == focus]
    return [group for group in ((rest, _FAINT), (front, 1.0)) if group[0]]


def _data_uri(image: Image.Image) -> str:
    """The image as a JPEG of at most MAX_SIDE pixels, encoded anew.

    The file's own bytes would be turned by the browser where EXIF says so, and the annotations not.
    """
    copy = image.convert("RGB")
    if max(copy.size) > MAX_SIDE:
        copy = copy.copy()
        copy.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC, reducing_gap=2.0)
    out = io.BytesIO()
    copy.save(out, "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _background(fig: go.Figure, image: Image.Image | None, scene: Scene, theme: str, reason: str) -> None:
    frame = {"type": "rect", "x0": 0, "y0": 0, "x1": scene.width, "y1": scene.height, "layer": "below"}
    line = {"color": palette.MUTED[theme], "width": 1}
    if image is not None:
        wide, high = image_extent((scene.width, scene.height), full_size(image))
        # y0 of the image is its upper edge, because the axis points down.
        fig.add_layout_image(
            source=_data_uri(image), xref="x", yref="y", x=0, y=0, sizex=wide, sizey=high,
            xanchor="left", yanchor="top", sizing="stretch", layer="below",
        )  # fmt: skip
        fig.add_shape(**frame, line=line)
        return
    fig.add_shape(**frame, line=line, fillcolor=_BLANK[theme])
    for n in range(1, 12):
        step = max(scene.width, scene.height) / 12 * n
        thin = {"type": "line", "layer": "below", "line": {"color": _OUTSIDE[theme], "width": 0.5}}
        if step < scene.width:
            fig.add_shape(**thin, x0=step, x1=step, y0=0, y1=scene.height)
        if step < scene.height:
            fig.add_shape(**thin, x0=0, x1=scene.width, y0=step, y1=step)
    fig.add_annotation(
        text=escape(reason), x=scene.width / 2, y=scene.height, yanchor="bottom", showarrow=False,
        font={"size": 15, "color": palette.TEXT[theme]},
    )  # fmt: skip


def _fmt(value: float) -> str:
    """One decimal for pixels, and no row of digits for an absurd number."""
    return f"{value:,.1f}" if abs(value) < 1e7 else f"{value:.3g}"


def _title(instance: Instance) -> str:
    what = [escape(instance.label) or "no label"]
    if instance.united:
        what.append("united box")
    if instance.crowd:
        what.append("crowd")
    if instance.handedness:
        what.append(f"{escape(instance.handedness)} hand")
    return f"<b>{' · '.join(what)}</b>"


def _box_text(instance: Instance) -> str:
    x, y, w, h = instance.box
    lines = [
        _title(instance),
        f"x {_fmt(x)}, y {_fmt(y)}, w {_fmt(w)}, h {_fmt(h)} px",
        f"box area {_fmt(w * h)} px²",
    ]
    if instance.area is not None:
        lines.append(f"area in the source {_fmt(instance.area)}")
    lines.append(f"annotation {escape(instance.source_id or str(instance.annotation_id))}")
    return "<br>".join(lines)


def _edges(rect: Rect) -> tuple[list[float], list[float]]:
    left, top, right, bottom = rect
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    xs, ys = [], []
    for (ax, ay), (bx, by) in pairwise(corners):
        for n in range(_EDGE_POINTS):
            t = n / _EDGE_POINTS
            xs.append(ax + (bx - ax) * t)
            ys.append(ay + (by - ay) * t)
    return [*xs, left], [*ys, top]


def _boxes(
    fig: go.Figure, instances: list[Instance], layers: Layers, colors: Mapping, opacity: float
) -> None:
    groups: dict[tuple, list[Instance]] = {}
    for instance in instances:
        if instance.rect and layers.shows_box(instance):
            groups.setdefault((instance.label, instance.united, instance.crowd), []).append(instance)
    for (label, united, crowd), members in groups.items():
        xs, ys, hover, data = [], [], [], []
        for instance in members:
            ex, ey = _edges(instance.rect)
            xs += [*ex, None]
            ys += [*ey, None]
            hover += [_box_text(instance)] * len(ex) + [""]
            data += [[instance.annotation_id, None]] * (len(ex) + 1)
        color = colors.get(label, palette.NEUTRAL)
        kind = " (united)" if united else " (crowd)" if crowd else ""
        hatch = {}
        if crowd:
            pattern = {"shape": "/", "fgcolor": color, "size": 10, "solidity": 0.15}
            hatch = {"fill": "toself", "fillcolor": "rgba(0,0,0,0)", "fillpattern": pattern}
        fig.add_scatter(
            x=xs, y=ys, mode="lines", name=(escape(label) or "no label") + kind, opacity=opacity,
            line={"color": color, "width": 2, "dash": "dash" if united or crowd else "solid"},
            hovertext=hover, hoverinfo="text", hoveron="points", customdata=data,
            legendgroup=f"box {kind} {escape(label)}", showlegend=opacity == 1.0, meta="boxes", **hatch,
        )  # fmt: skip
        if layers.labels and opacity == 1.0:
            _plates(fig, members, color)


def _plates(fig: go.Figure, members: list[Instance], color: str) -> None:
    for instance in members:
        text = " · ".join(t for t in (escape(instance.label, 40), "crowd" if instance.crowd else "") if t)
        if text:
            fig.add_annotation(
                x=instance.rect[0], y=instance.rect[1], text=text, showarrow=False, xanchor="left",
                yanchor="bottom", font={"size": 12, "color": palette.text_on(color)}, bgcolor=color,
                borderpad=1, opacity=0.95, captureevents=False,
            )  # fmt: skip


def _bones(fig: go.Figure, instances: list[Instance], theme: str, opacity: float) -> None:
    segments: dict[str | None, tuple[list, list]] = {}
    for instance in instances:
        for a, b in instance.drawn_bones():
            xs, ys = segments.setdefault(bone_part(a, b), ([], []))
            xs += [a.place[0], b.place[0], None]
            ys += [a.place[1], b.place[1], None]
    if not segments:
        return
    rim_x = [x for xs, _ in segments.values() for x in xs]
    rim_y = [y for _, ys in segments.values() for y in ys]
    fig.add_scatter(
        x=rim_x, y=rim_y, mode="lines", line={"color": "rgba(10,12,16,0.75)", "width": 5}, name="rim",
        hoverinfo="skip", showlegend=False, legendgroup="bones", opacity=opacity, meta="rim",
    )  # fmt: skip
    # The legend follows the body and the hand, whichever bone comes first in the skeleton.
    for part, (xs, ys) in sorted(segments.items(), key=lambda found: palette.part_rank(found[0])):
        fig.add_scatter(
            x=xs, y=ys, mode="lines", line={"color": palette.part_color(part), "width": 3},
            name=escape((part or "other").replace("_", " ")), hoverinfo="skip", opacity=opacity,
            legendgroup=f"bones {part}", showlegend=opacity == 1.0, meta="bones",
        )  # fmt: skip


def _joint_text(instance: Instance, joint: Joint, scene: Scene) -> str:
    x, y = joint.place
    words = visibility_words(joint.visibility)
    if not (0 <= x <= scene.width and 0 <= y <= scene.height):
        words += ", outside the image"
    return "<br>".join((
        f"<b>{escape(joint.name)}</b> (joint {joint.index})",
        words,
        f"x {_fmt(x)}, y {_fmt(y)} px",
        f"x {x / scene.width:.4g}, y {y / scene.height:.4g} of width and height",
        _title(instance).removeprefix("<b>").removesuffix("</b>"),
    ))  # fmt: skip


def _joints(fig: go.Figure, instances: list[Instance], scene: Scene, layers: Layers, opacity: float) -> None:
    groups: dict[str, list[tuple[Instance, Joint]]] = {}
    for instance in instances:
        for joint in instance.joints:
            if joint.labelled and layers.joints:
                groups.setdefault(visibility_words(joint.visibility), []).append((instance, joint))
            elif joint.ghost and layers.unlabelled:
                groups.setdefault("not labelled", []).append((instance, joint))
    for words, members in groups.items():
        colors = [palette.part_color(joint.part) for _, joint in members]
        if words == "occluded":
            # Plotly's open circle would show the bones that meet in it; a white middle reads as hollow.
            marker = {"size": 8, "color": "#ffffff", "line": {"width": 2.5, "color": colors}}
        elif words == "not labelled":
            marker = {"symbol": "x", "size": 8, "color": "#ffffff", "line": {"width": 1, "color": "#0a0c10"}}
        else:
            marker = {"size": 9, "color": colors, "line": {"width": 1, "color": "#0a0c10"}}
        mode, text = "markers", None
        if layers.names:
            mode, text = "markers+text", [escape(joint.name) for _, joint in members]
        fig.add_scatter(
            x=[j.place[0] for _, j in members], y=[j.place[1] for _, j in members], mode=mode, text=text,
            marker=marker, textposition="middle right", opacity=opacity, name=f"joint, {words}",
            textfont={"size": 11, "color": "#ffffff", "shadow": "0 0 3px #000, 0 0 2px #000"},
            hovertext=[_joint_text(i, j, scene) for i, j in members], hoverinfo="text",
            customdata=[[i.annotation_id, j.index] for i, j in members],
            legendgroup=words, showlegend=opacity == 1.0, meta="joints",
        )  # fmt: skip


def _outside(scene: Scene, view: Rect) -> int:
    """Labelled joints that the first view does not reach."""
    places = [j.place for i in scene.instances for j in i.joints if j.labelled]
    return sum(not (view[0] <= x <= view[2] and view[1] <= y <= view[3]) for x, y in places)


def _layout(
    fig: go.Figure, key: str | None, view: Rect, *, theme: str, height: int | None, notes: list[str]
) -> None:
    muted = palette.MUTED[theme]
    axis = {"showgrid": False, "zeroline": False, "constrain": "domain", "color": muted,
            "tickfont": {"size": 10}, "nticks": 8, "tickformat": "d"}  # fmt: skip
    fig.update_xaxes(**axis, range=[view[0], view[2]])
    # Reversed, so that y counts downwards as in the image; as tall a pixel as it is wide.
    fig.update_yaxes(**axis, range=[view[3], view[1]], scaleanchor="x", scaleratio=1)
    if notes:
        fig.add_annotation(
            text=" · ".join(notes), xref="paper", yref="paper", x=0, y=1, yanchor="bottom", xanchor="left",
            showarrow=False, font={"size": 12, "color": muted},
        )  # fmt: skip
    fig.update_layout(
        template="none", dragmode="pan", hovermode="closest", height=height,
        margin={"l": 36, "r": 8, "t": 26 if notes else 8, "b": 24},
        paper_bgcolor=palette.BACKGROUND[theme], plot_bgcolor=_OUTSIDE[theme],
        font={"color": palette.TEXT[theme], "size": 12},
        legend={"orientation": "h", "yanchor": "top", "y": -0.05, "font": {"size": 11},
                "itemsizing": "constant"},
        hoverlabel={"align": "left", "bgcolor": palette.BACKGROUND[theme],
                    "font": {"color": palette.TEXT[theme], "size": 12}, "bordercolor": muted},
        # The same image keeps its zoom while layers are switched; another one starts anew.
        uirevision=key or True,
    )  # fmt: skip
