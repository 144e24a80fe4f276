"""How ordinary a pose is: a Gaussian model of each class's shapes, blind to place, size, turn and mirroring.

A figure's x and y coordinates are two draws from one distribution over its K joints, with mean 0 and a K × K
covariance C. Turning or mirroring the figure mixes x and y and leaves xᵀC⁻¹x + yᵀC⁻¹y as it is: nothing need
be aligned, and a left hand, its back and a lying person are judged alike. C comes from the mean squared
distances of the pairs of joints (C = −½ J V J, classical scaling), so that joints not labelled are just left
out, and from the inner half of a class's figures, found again in each round and reweighted last, as in
FastMCD (Rousseeuw & Van Driessen, 1999). A score is the squared Mahalanobis distance by degree of
freedom, over its median in the class: 1 is an ordinary figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from queries.poses import Poses

CHUNK = 100_000
#: A class is learnt from at most so many of its figures; all are scored.
SAMPLE = 5_000
#: The share of a class's figures that the covariance is first of; then of all that are not much further off.
INNER = 0.5
REACH = 2.5
ROUNDS = 6
#: Added to the covariance, as a share of a joint's mean variance: two joints are never one to the pixel.
RIDGE = 0.01
#: All classes together count as so many figures more in each class's covariance.
PRIOR = 30
#: Fewer labelled joints have hardly a shape.
LEAST_JOINTS = 6
#: No image reaches so far, be it in pixels or in shares of its size.
FARTHEST = 1e6
#: A class whose scores differ less than this (MAD of their logarithm) would call its ordinary figures odd.
LEAST_MAD = 0.2


@dataclass(frozen=True)
class Model:
    """A class's shape: covariance (K, K) and the median of its own figures' q, by degree of freedom."""

    covariance: np.ndarray
    median: float


def placed(xy: np.ndarray) -> np.ndarray:
    """The joints `xy` (..., 2), NaN where one lies beyond all images (FARTHEST): the checks of places tell of
    it, and squares of such numbers are no numbers."""
    with np.errstate(invalid="ignore"):
        return np.where((np.abs(xy) <= FARTHEST).all(axis=-1, keepdims=True), xy, np.nan)


def shapes(xy: np.ndarray) -> np.ndarray:
    """(N, K, 2) float32: each figure about the mean of its labelled joints, 1 its root mean square spread.

    NaN throughout where fewer than `LEAST_JOINTS` are labelled, or all lie on one spot. Joints beyond all
    images count as not labelled.
    """
    out = np.empty(xy.shape, dtype=np.float32)
    for start in range(0, len(xy), CHUNK):
        part = placed(xy[start : start + CHUNK])
        here = np.isfinite(part[..., 0])
        count = here.sum(axis=1)
        filled = np.where(here[..., None], part, 0)
        centre = filled.sum(axis=1) / np.maximum(count, 1)[:, None]
        moved = np.where(here[..., None], part - centre[:, None], np.nan)
        square = np.nansum(moved**2, axis=(1, 2)) / np.maximum(count, 1)
        usable = (count >= LEAST_JOINTS) & (square > 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            moved /= np.sqrt(np.where(usable, square, np.nan))[:, None, None]
        out[start : start + CHUNK] = moved
    return out


def learn(
    shape: np.ndarray, label: np.ndarray, classes: int, least: int, least_in_all: int
) -> list[Model | None]:
    """A model for each class, and last the one of all classes together; None where figures are too few.

    `shape` as from `shapes`, `label` (N,) from 0, -1 for none. A class needs `least` figures, and all classes
    together `least_in_all`, for any of them to have a model.
    """
    usable = np.isfinite(shape).any(axis=(1, 2))
    rows = np.flatnonzero(usable)
    if len(rows) < least_in_all:
        return [None] * (classes + 1)
    models: list[Model | None] = []
    pooled = _covariance(shape[_some(rows, 3 * SAMPLE)])
    for number in range(classes):
        rows = _some(np.flatnonzero(usable & (label == number)), SAMPLE)
        models.append(_model(shape[rows], pooled) if len(rows) >= least else None)
    return [*models, _model(shape[_some(np.flatnonzero(usable), 3 * SAMPLE)], pooled, own=False)]


def scores(shape: np.ndarray, model: Model) -> np.ndarray:
    """(N,) float: how far each shape is from the class, 1 for its median figure; NaN for no shape."""
    out = np.full(len(shape), np.nan)
    for start in range(0, len(shape), CHUNK):
        out[start : start + CHUNK] = _distances(shape[start : start + CHUNK], model.covariance)
    return out / model.median


def own_scores(shape: np.ndarray, label: np.ndarray, models: list[Model | None]) -> np.ndarray:
    """(N,): each shape's score in its own class; in all classes together where that has no model."""
    out = np.full(len(shape), np.nan)
    for number in np.unique(label):
        model = models[number] if models[number] is not None else models[-1]
        if model is not None:
            rows = np.flatnonzero(label == number)
            out[rows] = scores(shape[rows], model)
    return out


def least_scores(shape: np.ndarray, models: list[Model | None]) -> np.ndarray:
    """(N,): each shape's score in the class that it suits best; the model of all together is no class's."""
    out = np.full(len(shape), np.nan)
    for model in [model for model in models[:-1] if model is not None] or models[-1:]:
        if model is not None:
            out = np.fmin(out, scores(shape, model))
    return out


@dataclass(frozen=True)
class Figure:
    """A part of a skeleton that has a shape of its own: `joints` are places in the skeleton's order."""

    kind: str  # hand, body, figure
    name: str
    joints: np.ndarray


_FINGERS = ("index_finger", "middle_finger", "ring_finger", "pinky")
_HAND = (
    *("hand_root", "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip"),
    *(f"{finger}_{joint}" for finger in _FINGERS for joint in ("mcp", "pip", "dip", "tip")),
)
_BODY = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


def figures(poses: Poses) -> list[Figure]:
    """The hands and the body of a skeleton; one that has neither, and not more than 40 joints, is a figure.

    The points of a face outline belong to none: they say much about a face and little about a body.
    """
    place = {name: number for number, name in enumerate(poses.canonical)}
    found = []
    for side in ("", "left_", "right_"):
        joints = [place.get(side + name) for name in _HAND]
        if None not in joints:
            found.append(Figure("hand", f"{side.rstrip('_')} hand".strip(), np.array(joints)))
    taken = {int(joint) for figure in found for joint in figure.joints}
    if sum(f"{side}_{name}" in place for side in ("left", "right") for name in _BODY) >= 8:
        rest = [
            number
            for name, number in place.items()
            if number not in taken and not name.startswith("face_") and poses.parts[number] != "face"
        ]
        found.append(Figure("body", "body", np.array(rest)))
    if not found and LEAST_JOINTS <= len(place) <= 40:
        found.append(Figure("figure", "figure", np.arange(len(place))))
    return found


def told_apart(poses: Poses, figure: Figure) -> str | None:
    """The figure's name where an annotation has several (a whole body has two hands), but for the body's."""
    return None if figure.kind != "hand" or len(figure.joints) == len(poses.names) else figure.name


def _model(shape: np.ndarray, pooled: np.ndarray, own: bool = True) -> Model:
    covariance = pooled
    if own:
        mine = _covariance(shape)
        covariance = (len(shape) * mine + PRIOR * pooled) / (len(shape) + PRIOR)
    return Model(covariance, float(np.nanmedian(_distances(shape, covariance))))


def _covariance(shape: np.ndarray) -> np.ndarray:
    """(K, K): the covariance of the inner figures."""
    here = np.isfinite(shape[..., 0])
    x = np.where(here[..., None], shape, 0).astype(np.float64)
    count = here.sum(axis=1)
    square = (x**2).sum(axis=(1, 2))
    variogram = _first_variogram(shape)
    for turn in range(ROUNDS + 1):
        # a figure of which few joints are labelled is as large as the same joints are in others
        usual = np.einsum("ni,ij,nj->n", here, variogram, here, optimize=True)
        spread = np.maximum(count * square / np.maximum(usual, 1e-12), 1e-12)
        joints = len(variogram)
        centring = np.eye(joints) - 1 / joints
        values, vectors = np.linalg.eigh(-0.5 * centring @ variogram @ centring)
        covariance = (vectors * np.maximum(values, 0)) @ vectors.T
        covariance += RIDGE * np.trace(covariance) / joints * np.eye(joints)
        if turn == ROUNDS:
            break
        distances = _distances(shape, covariance)
        # the last round takes in again all that are like the inner ones
        limit = np.quantile(distances, INNER) if turn < ROUNDS - 1 else REACH * np.median(distances)
        inner = distances <= limit
        variogram = _variogram(x[inner] / np.sqrt(spread[inner])[:, None, None], here[inner])
    return covariance


def _first_variogram(shape: np.ndarray) -> np.ndarray:
    """(K, K): the median squared distance of each pair of joints, which half of the figures can't spoil."""
    part = shape[_some(np.arange(len(shape)), max(20, 4_000_000 // shape.shape[1] ** 2))]
    joints = shape.shape[1]
    out = np.zeros((joints, joints))
    for joint in range(joints):
        squares = ((part - part[:, joint : joint + 1]) ** 2).sum(axis=2)
        known = np.isfinite(squares).any(axis=0)
        out[joint, known] = np.nanmedian(squares[:, known], axis=0)
        out[joint, ~known] = np.nan
    return np.where(np.isfinite(out), out, np.median(out[np.isfinite(out)]))


def _variogram(x: np.ndarray, here: np.ndarray) -> np.ndarray:
    """(K, K): the mean of (x_i − x_j)² over both axes and all figures that have both joints."""
    mask = here.astype(np.float64)
    both = mask.T @ mask
    crossed = np.einsum("nka,nla->kl", x, x, optimize=True)
    squares = (x**2).sum(axis=2).T @ mask
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (squares + squares.T - 2 * crossed) / (2 * both)
    known = both > 0
    return np.where(known, mean, np.median(mean[known]))


def _distances(shape: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(N,): xᵀC⁻¹x + yᵀC⁻¹y of the labelled joints by degrees of freedom, whatever the place and size."""
    here = np.isfinite(shape[..., 0])
    if here.all():
        return _of_pattern(shape, covariance)
    out = np.full(len(shape), np.nan)
    packed = np.ascontiguousarray(np.packbits(here, axis=1))
    packed = packed.view(f"V{packed.shape[1]}").ravel()
    _, first, which = np.unique(packed, return_index=True, return_inverse=True)
    order = np.argsort(which, kind="stable")
    bounds = np.searchsorted(which[order], np.arange(len(first) + 1))
    for pattern, row in enumerate(first):
        joints = np.flatnonzero(here[row])
        if len(joints) >= LEAST_JOINTS:
            rows = order[bounds[pattern] : bounds[pattern + 1]]
            out[rows] = _of_pattern(shape[np.ix_(rows, joints)], covariance[np.ix_(joints, joints)])
    return out


def _of_pattern(shape: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """(n,): the distances of figures all of whose k joints are labelled; `covariance` (k, k) is of these."""
    count = len(covariance)
    inverse = np.linalg.inv(covariance)
    weights = inverse.sum(axis=1)
    inverse = inverse - np.outer(weights, weights) / weights.sum()  # wherever its centre lies
    centring = np.eye(count) - 1 / count
    usual = np.trace(centring @ covariance) / count
    values, vectors = np.linalg.eigh(inverse)
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    # one product gives both: whitened coordinates, and centred ones, of which the spread is the size
    both = np.concatenate([root, centring]).astype(np.float32)
    moved = both @ shape
    np.square(moved, out=moved)
    square, spread = moved[:, :count].sum(axis=(1, 2)), moved[:, count:].sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return square / spread * (2 * count * usual) / (2 * (count - 1))


def log_z(score: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(N,): the robust z of each score's logarithm in its class: how a class spreads decides what is far."""
    out = np.full(len(score), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(score)
    for number in np.unique(label):
        rows = np.flatnonzero((label == number) & np.isfinite(logs))
        if len(rows):
            off = logs[rows] - np.median(logs[rows])
            out[rows] = 0.6745 * off / max(np.median(np.abs(off)), LEAST_MAD)
    return out


def loneliness(shape: np.ndarray, rows: np.ndarray, neighbours: int = 3) -> np.ndarray:
    """(n,) for each of the rows: the Procrustes distance, 0 to 1, to the third figure most alike.

    Figures that have all of its joints are compared, turned, mirrored and scaled to fit best: with joints as
    complex numbers, centred and of length 1, the distance is √(1 − |⟨a, b⟩|²). 1 where there are too few.
    """
    others = _some(np.flatnonzero(np.isfinite(shape[..., 0]).any(axis=1)), 3 * SAMPLE)
    pool = shape[others]
    mine = np.isfinite(shape[rows, :, 0])
    out = np.ones(len(rows))
    for pattern in np.unique(mine, axis=0):
        joints = np.flatnonzero(pattern)
        fellows = np.flatnonzero(np.isfinite(pool[:, joints, 0]).all(axis=1))
        if len(fellows) <= neighbours:
            continue
        many = _on_the_circle(pool[np.ix_(fellows, joints)])
        places = np.flatnonzero((mine == pattern).all(axis=1))
        for start in range(0, len(places), 256):
            some = places[start : start + 256]
            one = _on_the_circle(shape[np.ix_(rows[some], joints)])
            alike = np.maximum(np.abs(one @ many.T), np.abs(one @ many.conj().T))
            alike[rows[some][:, None] == others[fellows][None]] = -1  # a figure is not its own fellow
            third = np.partition(alike, alike.shape[1] - neighbours, axis=1)[:, alike.shape[1] - neighbours]
            out[some] = np.sqrt(np.maximum(1 - third.astype(np.float64) ** 2, 0))
    return out


def _on_the_circle(shape: np.ndarray) -> np.ndarray:
    """(n, k) complex64: figures of k labelled joints about their centre, of length 1."""
    points = shape[..., 0] + 1j * shape[..., 1]
    points = points - points.mean(axis=1, keepdims=True)
    return (points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)).astype(np.complex64)


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows, evenly taken: the same at every run."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
