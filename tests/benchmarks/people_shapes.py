"""People by the hundred thousand: posed bodies of the sample data, projected once and varied in numpy.

A body has TEMPLATES poses (`sample_data.people`) seen from all sides. COCO's places are pixels, whole
numbers for keypoints and hundredths for boxes and polygons, as in the published files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sample_data import people

TEMPLATES = 490
JOINTS = people.KEYPOINTS
SIZES = np.array([(640, 480), (640, 427), (480, 640), (500, 375), (427, 640)])
_FACE = slice(0, 5)
_LOOK = people.Look(1.7, (200, 170, 150), (90, 90, 120), (60, 60, 80), (46, 36, 32), False, False)


@dataclass(frozen=True)
class Bodies:
    """Poses in metres, y down, the middle at 0: points (T, 17, 2); away (T,): seen from behind."""

    points: np.ndarray
    away: np.ndarray


def bodies(seed: int, count: int = TEMPLATES) -> Bodies:
    """The same for the same seed."""
    rng = np.random.default_rng([seed, 3])
    points, away = [], []
    for n in range(count):
        yaw = float(rng.choice([rng.uniform(-60, 60), rng.uniform(-60, 60), rng.uniform(60, 300)]))
        found, _, ahead = people.build(people.POSES[n % len(people.POSES)], _LOOK, yaw, rng)
        points.append(found[:, :2] * (1, -1))
        away.append(ahead[2, 2] < -0.2)
    places = np.array(points)
    middle = (places.max(axis=1) + places.min(axis=1)) / 2
    return Bodies(places - middle[:, None], np.array(away))


@dataclass(frozen=True)
class People:
    """n people in pixels: places (n, 17, 2), flags (n, 17) of 0, 1, 2, boxes (n, 4) as x, y, w, h."""

    places: np.ndarray
    flags: np.ndarray
    boxes: np.ndarray


def place(shapes: Bodies, frame: np.ndarray, rng: np.random.Generator) -> People:
    """One person a frame, frames (n, 2) in pixels; the box is inside and holds every labelled joint."""
    count = len(frame)
    chosen = rng.integers(len(shapes.points), size=count)
    points = shapes.points[chosen] * np.clip(rng.normal(1, 0.03, (count, 1, 2)), 0.93, 1.07)
    points += np.clip(rng.normal(0, 0.012, points.shape), -0.03, 0.03)
    first, last = points.min(axis=1) - 0.12, points.max(axis=1) + 0.12
    scale = frame[:, 1] * np.exp(rng.uniform(np.log(0.07), np.log(0.5), count))
    scale = np.minimum(scale, (0.97 * frame / (last - first)).min(axis=1))[:, None]
    corner = 1 + rng.random((count, 2)) * np.maximum(frame - 2 - scale * (last - first), 0)
    places = np.round((corner - scale * first)[:, None] + scale[:, None] * points)
    dice = rng.random((count, 17))
    flags = np.where(dice < 0.1, 0, np.where(dice < 0.22, 1, 2))
    flags[:, _FACE] = np.where(shapes.away[chosen][:, None], 0, flags[:, _FACE])
    places[flags == 0] = 0
    return People(places, flags, np.round(np.hstack([corner, scale * (last - first)]), 2))


def outlines(boxes: np.ndarray, vertices: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Closed outlines (n, vertices, 2) inside their boxes (n, 4), in pixels, and the areas they enclose."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    reach = rng.uniform(0.7, 1.0, (len(boxes), vertices, 1))
    ring = boxes[:, None, :2] + boxes[:, None, 2:] * (
        0.5 + 0.5 * reach * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    )
    ring = np.round(ring, 2)
    x, y = ring[..., 0], ring[..., 1]
    area = np.abs((x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)) / 2
    return ring, np.round(area, 4)
