"""Writes .mat files in the shapes that Matlab gives them, for the tests of the readers."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from scipy.io import savemat


def structs(*records: dict[str, Any]) -> np.ndarray:
    """A 1×n struct array; a field that a record lacks is empty, as in Matlab."""
    names = list(dict.fromkeys(name for record in records for name in record))
    found = np.empty((1, len(records)), dtype=[(name, object) for name in names])
    for at, record in enumerate(records):
        for name in names:
            found[0, at][name] = record.get(name, np.zeros((0, 0)))
    return found


def cells(*values: Any) -> np.ndarray:
    """An n×1 cell array."""
    found = np.empty((len(values), 1), dtype=object)
    for at, value in enumerate(values):
        found[at, 0] = value
    return found


def mat(**variables: Any) -> bytes:
    """A v5 .mat file, compressed as Matlab writes them."""
    out = io.BytesIO()
    savemat(out, variables, do_compression=True)
    return out.getvalue()


def mat_v73(name: str = "x") -> bytes:
    """A v7.3 .mat file: HDF5 behind Matlab's header of 512 bytes."""
    import h5py  # noqa: PLC0415 - only these tests need it

    out = io.BytesIO()
    with h5py.File(out, "w", userblock_size=512) as file:
        file[name] = np.arange(3.0)
    data = bytearray(out.getvalue())
    data[:19] = b"MATLAB 7.3 MAT-file"
    return bytes(data)
