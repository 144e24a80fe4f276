"""Matlab files: damaged ones are told before scipy meets them, and structs and cells are taken alike."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io.matlab
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from queries.readers import matlab, matlab_tags
from queries.readers.records import UnreadableFile
from tests.matlab_files import cells, mat, mat_v73, structs

EXAMPLES = Path(scipy.io.matlab.__file__).parent / "tests" / "data"


def plain() -> bytes:
    """Not compressed, as scipy writes files unless told to."""
    out = io.BytesIO()
    numbers = np.arange(60.0).reshape(20, 3)
    inner = structs({"a": 1.5, "b": "text", "c": cells(numbers, "x")})
    savemat(out, {"person_0": numbers, "s": inner, "sparse": csc_matrix(np.diag([1.0, 2.0, 3.0]))})
    return out.getvalue()


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="scipy comes without its own tests' files")
def test_files_that_matlab_wrote_are_not_taken_for_damaged():
    refused, seen = [], 0
    for path in sorted(EXAMPLES.glob("*.mat")):
        seen += 1
        try:
            loadmat(path)
        except Exception:
            continue
        if matlab_tags.damage(path):
            refused.append(path.name)
    assert seen > 50
    assert refused == []


@pytest.mark.parametrize(
    ("find", "at", "byte", "told"),
    [
        # each of these ends the process that hands it to scipy, or may
        (b"person_0", 8, 0xD7, "type 215"),
        (b"person_0", 8, 14, "type 14"),
        (b"person_0", -31, 0x08, "1 elements, expected 2"),  # says that the numbers are complex
        (b"person_0", -36, 0x20, "elements, expected 1"),
        (b"person_0", 13, 0xFF, "bytes"),
    ],
)
def test_one_wrong_byte_is_told(tmp_path, find, at, byte, told):
    data = bytearray(plain())
    assert data.count(find) == 1
    data[data.index(find) + at] = byte
    path = tmp_path / "x.mat"
    path.write_bytes(data)
    if "expected 1" in told:
        assert matlab_tags.damage(path)
    else:
        assert told in matlab_tags.damage(path)
    with pytest.raises(UnreadableFile, match="damaged"):
        matlab.load(path)


def test_no_wrong_byte_ends_the_process(tmp_path):
    """Every 3rd byte of a file set to four values, in a process of its own."""
    path = tmp_path / "x.mat"
    path.write_bytes(plain())
    code = (
        "import sys, warnings; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "warnings.simplefilter('ignore')\n"
        "from queries.readers import matlab; from queries.readers.records import UnreadableFile\n"
        "path = Path(sys.argv[1]); good = path.read_bytes()\n"
        "for at in range(128, len(good), 3):\n"
        "    for byte in (0, 8, 14, 255):\n"
        "        path.write_bytes(good[:at] + bytes([byte]) + good[at + 1:])\n"
        "        try: matlab.load(path)\n"
        "        except UnreadableFile: pass\n"
        "print('done')\n"
    )
    root = Path(__file__).resolve().parents[1]
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path), str(root)], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr


def test_structs_and_cells_are_taken_alike(tmp_path):
    path = tmp_path / "x.mat"
    path.write_bytes(
        mat(
            one=structs({"a": 1.0}), two=structs({"a": 1.0}, {"a": "2"}), cell=cells(structs({"a": 3.0}), 7.0)
        )
    )
    found = matlab.load(path)
    values = [
        [matlab.number(matlab.field(r, "a")) for r in matlab.records(found[n])]
        for n in ("one", "two", "cell")
    ]
    assert values == [[1], [1, 2], [3]]
    assert matlab.field(matlab.records(found["one"])[0], "b") is None
    assert matlab.records(np.zeros((2, 2))) == []
    assert matlab.records(None) == matlab.cells(None) == []
    assert (matlab.number(np.zeros((0, 0))), matlab.text(np.array([1.0])), matlab.number("x")) == (
        None,
        None,
        None,
    )
    assert (matlab.finite(np.nan), matlab.finite(2.0), matlab.finite(2.5)) == (None, 2, 2.5)


def test_variables_of_what_is_no_mat_are_none(tmp_path):
    for name, content in {"a.mat": b"", "b.mat": b"no", "c.mat": mat_v73()}.items():
        (tmp_path / name).write_bytes(content)
        assert matlab.variables(tmp_path / name) == {}
    assert matlab.variables(tmp_path / "missing.mat") == {}
    assert matlab.is_v73(tmp_path / "c.mat")
    (tmp_path / "d.mat").write_bytes(mat(joints=np.zeros((3, 14, 5))))
    assert matlab.variables(tmp_path / "d.mat") == {"joints": (3, 14, 5)}


def test_sparse_matrices_are_taken_as_arrays(tmp_path):
    path = tmp_path / "x.mat"
    numbers = np.diag([1.0, 2.0, 3.0])
    inner = structs({"a": csc_matrix(numbers), "zero": csc_matrix((1, 1))})
    path.write_bytes(mat(top=csc_matrix(numbers), s=inner, c=cells(csc_matrix(numbers), "x")))
    found = matlab.load(path)
    (record,) = matlab.records(found["s"])
    for value in (found["top"], matlab.field(record, "a"), matlab.cells(found["c"])[0]):
        assert isinstance(value, np.ndarray) and value.tolist() == numbers.tolist()
    assert matlab.fields(record) == ("a", "zero")
    assert matlab.number(matlab.field(record, "zero")) == 0


def test_a_huge_or_broken_sparse_matrix_is_refused(tmp_path):
    path = tmp_path / "x.mat"
    path.write_bytes(mat(top=csc_matrix((1 << 20, 1 << 20))))
    with pytest.raises(UnreadableFile, match="sparse matrix of 1048576×1048576, expected at most"):
        matlab.load(path)
    broken = csc_matrix(np.diag([1.0, 2.0, 3.0]))
    broken.indices[1] = 10**8  # scipy itself would write there
    with pytest.raises(UnreadableFile, match="broken sparse matrix of 3×3: indices must be < 3"):
        matlab.dense(broken)
    broken = csc_matrix(np.diag([1.0, 2.0, 3.0]))
    broken.indptr[3] = 0
    with pytest.raises(UnreadableFile, match="broken sparse matrix of 3×3: its columns overlap"):
        matlab.dense(broken)
