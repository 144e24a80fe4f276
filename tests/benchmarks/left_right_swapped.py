"""How well the check left-right-swapped finds planted swaps: average precision per kind and seed.

    python -m tests.benchmarks.left_right_swapped [--seeds 10] [--kinds body arms legs]

Real people of COCO val2017 (KPAUDIT_REAL_DATA, or ../shared/data): in 10 % of those that have nose, both
shoulders and both hips labelled, left and right are exchanged (places and flags) for all pairs, for the
arms (shoulder, elbow, wrist), or for the legs (hip, knee, ankle). The detector judges all people of the
planted dataset and does not know the kind; the precision is averaged over the 389.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from queries import swap_model
from queries.audit_context import Shared
from queries.index import index
from queries.model import Options
from queries.poses import Poses
from queries.store import Store
from queries.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]

KINDS = {
    "body": ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"),
    "arms": ("shoulder", "elbow", "wrist"),
    "legs": ("hip", "knee", "ankle"),
}
WANTED = {"body": 0.92, "arms": 0.95, "legs": 0.82}
SHARE = 0.1
_NEEDED = ("nose", "left_shoulder", "right_shoulder", "left_hip", "right_hip")


def real_people(folder: Path) -> Poses:
    """The poses of coco_val2017_part below the folder of real data, indexed on the spot."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch))
        index(workspace, folder / "pose" / "coco_val2017_part", Options())
        store = Store(workspace)
        try:
            return Shared(store.cursor(), store.datasets[0]).poses[0]
        finally:
            store.close()


def eligible(poses: Poses) -> np.ndarray:
    """The rows with nose, both shoulders and both hips labelled."""
    joints = [poses.names.index(name) for name in _NEEDED]
    return np.flatnonzero(poses.labelled[:, joints].all(axis=1) & ~poses.crowd)


def planted(poses: Poses, kind: str, seed: int, share: float = SHARE) -> tuple[Poses, np.ndarray]:
    """The poses with that kind of swap in a share of the eligible rows, and those rows."""
    rows = eligible(poses)
    chosen = np.random.default_rng(seed).choice(rows, round(share * len(rows)), replace=False)
    order = np.arange(len(poses.names))
    for name in KINDS[kind]:
        left, right = poses.names.index(f"left_{name}"), poses.names.index(f"right_{name}")
        order[left], order[right] = right, left
    xy, visibility = poses.xy.copy(), poses.visibility.copy()
    xy[chosen] = xy[chosen][:, order]
    visibility[chosen] = visibility[chosen][:, order]
    return dataclasses.replace(poses, xy=xy, visibility=visibility), np.sort(chosen)


def average_precision(poses: Poses, chosen: np.ndarray) -> float:
    """Of the detector that the check uses, over the eligible rows; one that is not judged comes last."""
    from sklearn.metrics import average_precision_score  # noqa: PLC0415

    judged = swap_model.learned(poses, swap_model.usable(poses))
    score = np.full(len(poses), -1.0)
    score[judged.row] = judged.score
    rows = eligible(poses)
    return float(average_precision_score(np.isin(rows, chosen), score[rows]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0")
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    given = parser.parse_args()
    people = real_people(Path(os.environ.get("KPAUDIT_REAL_DATA") or ROOT.parent / "shared" / "data"))
    print(f"{len(people)} people, {len(eligible(people))} eligible, {SHARE:.0%} of them planted")
    for kind in given.kinds:
        found, started = [], time.perf_counter()
        for seed in range(given.seeds):
            found.append(average_precision(*planted(people, kind, seed)))
            print(f"{kind} seed {seed}: {found[-1]:.3f}", flush=True)
        seconds = (time.perf_counter() - started) / len(found)
        print(
            f"{kind}: mean AP {np.mean(found):.3f} of {len(found)} seeds (least {min(found):.3f}), "
            f"wanted {WANTED[kind]}, {seconds:.1f} s a run",
            flush=True,
        )


if __name__ == "__main__":
    main()
