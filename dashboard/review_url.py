"""What the Review page keeps in the URL beside the shared filters: a link shows a colleague the same queue.

The reviewer's name is in it too, since a page that is loaded anew has forgotten everything else; the link
for a colleague leaves it out. What is not in the URL is as it was before the page was left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import streamlit as st

from dashboard import review_data, state
from dashboard.review_data import Asked

_KEPT = "kp_review_query"
_PLACE = ("image", "image_split", "own")
_QUEUE = ("queue", "check", "margin", "seed", "of", "overlap")
_TEAM = ("reviewer", "of", "part", "overlap", "others")
_ALL = tuple(dict.fromkeys((*_QUEUE, *_TEAM, *_PLACE)))
_MAX_LENGTH = 1000
_MAX_SEED = 2**31


@dataclass(frozen=True)
class View:
    """The page's own part of the URL: the queue, who reviews, and the item's names."""

    asked: Asked
    reviewer: str | None = None
    others: bool = False
    image: str | None = None
    split: str | None = None
    own: str | None = None


def read(dataset: str) -> View:
    """The view that the URL asks for, else the one before; what is none of the allowed is left out."""
    given = {name: st.query_params[name][:_MAX_LENGTH] for name in _ALL if st.query_params.get(name)}
    kept, of = st.session_state.get(_KEPT, ({}, None))
    dropped: list[str] = []
    if of not in (None, dataset) and all(given.get(name) == kept.get(name) for name in _PLACE):
        # another dataset was chosen, and the place in the former one stands in the URL still
        for name in _PLACE:
            if given.pop(name, None) is not None:
                dropped.append(name)
    if not given:
        # another dataset has other checks and other images
        given = {name: v for name, v in kept.items() if of == dataset or name not in ("check", *_PLACE)}
    elif "reviewer" not in given:
        # a door from another page knows of no reviewers
        given = {name: kept[name] for name in _TEAM if name in kept} | given
    _put(given, dropped)
    st.session_state[_KEPT] = (given, dataset)
    return View(
        _asked(given), _name(given.get("reviewer")), given.get("others") == "yes", given.get("image"),
        given.get("image_split"), given.get("own"),
    )  # fmt: skip


def _asked(given: dict[str, str]) -> Asked:
    kind = given.get("queue", "findings")
    of = _whole(given.get("of"), 1, review_data.MAX_REVIEWERS) or 1
    return Asked(
        kind if kind in review_data.KINDS else "findings",
        given.get("check"),
        _share(given.get("margin"), 0.01, 0.5, 0.1),
        _whole(given.get("seed"), 0, _MAX_SEED) or 0,
        of,
        _whole(given.get("part"), 1, of) or 1,
        _share(given.get("overlap"), 0.0, 1.0, 0.0) if of > 1 else 0.0,
    )


def write(**changes: object) -> None:
    """Sets and (None) removes parameters; for callbacks."""
    kept, of = st.session_state.get(_KEPT, ({}, None))
    given = {name: str(value) for name, value in changes.items() if value is not None}
    gone = [name for name, value in changes.items() if value is None]
    kept = {name: value for name, value in kept.items() if name not in gone} | given
    _put(given, gone)
    st.session_state[_KEPT] = (kept, of)


def _put(given: dict[str, str], gone: list[str]) -> None:
    """Changes the URL at one blow: a step of the browser's history names a record, never half of one."""
    now = {name: st.query_params.get_all(name) for name in st.query_params if name not in gone}
    wanted = now | {name: [value] for name, value in given.items()}
    if wanted != {name: st.query_params.get_all(name) for name in st.query_params}:
        st.query_params.from_dict(wanted)


def overtaken() -> bool:
    """Whether the browser asked before it had the place that this session went on to; then that place holds.

    A key pressed at that moment was meant for the former record. For callbacks.
    """
    kept, of = st.session_state.get(_KEPT, ({}, None))
    if of is None or all(st.query_params.get(name) == kept.get(name) for name in _PLACE):
        return False
    write(**{name: kept.get(name) for name in _PLACE})
    return True


def ask(**changes: object) -> None:
    """Another queue: the place in the old one is left."""
    write(**changes, **dict.fromkeys(_PLACE))


def at(row: dict | None) -> None:
    """The item's names into the URL; without one, the first that is open."""
    if row is None:
        write(**dict.fromkeys(_PLACE))
    else:
        write(image=row["key"], image_split=row["split"], own=row["own"])


def link() -> str:
    """The queue's address for a colleague: the same items, but nobody's name and no place in it."""
    now = state.current()
    query = state.link(state.Door(now.filters))
    query |= {name: [st.query_params[name]] for name in _QUEUE if name in st.query_params}
    asked = _asked({name: st.query_params[name] for name in ("of", "part") if name in st.query_params})
    if asked.of > 1:
        query["part"] = [str(asked.part % asked.of + 1)]
    here = urlsplit(st.context.url or "")
    return f"{here.scheme}://{here.netloc}{here.path}?{urlencode(query, doseq=True)}"


def _name(text: str | None) -> str | None:
    return (text or "").strip()[:100] or None


def _whole(text: str | None, low: int, high: int) -> int | None:
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 12:
        return None
    return min(max(int(text), low), high)


def _share(text: str | None, low: float, high: float, default: float) -> float:
    try:
        number = float(text) if text is not None else default
    except ValueError:
        return default
    return min(max(number, low), high) if math.isfinite(number) else default
