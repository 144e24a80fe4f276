"""The wheel: what a user installs holds everything that the commands need."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout; skipped where hatchling can't be had."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "-w", str(out), str(ROOT)]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no wheel can be built here: {made.stderr.strip().splitlines()[-1]}")
    return zipfile.ZipFile(next(out.glob("kpaudit-*.whl")))


def test_every_file_that_is_read_at_run_time_is_in_the_wheel(wheel):
    held = set(wheel.namelist())
    suffixes = {".py", ".png", ".sql", ".css", ".toml", ".json", ".jpg", ".txt", ".yaml", ".csv"}
    for package in ("queries", "dashboard", "sample_data"):
        for path in (ROOT / package).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            if path.suffix in suffixes and "__pycache__" not in path.parts and ".kpaudit" not in path.parts:
                assert name in held, f"{name} is not in the wheel"
    assert not any(name.startswith("tests/") for name in held)


def test_the_wheel_runs_from_where_it_is_installed(wheel, tmp_path):
    """Indexes the bundled sample with nothing of the checkout on the path."""
    wheel.extractall(tmp_path / "site")
    script = (
        "import sys; sys.path[0] = sys.argv[1]\n"
        "from queries import cli\n"
        "assert cli.__file__.startswith(sys.argv[1]), cli.__file__\n"
        "sample = cli.sample_folder()\n"
        "cli.main(['index', *(str(sample / n) for n in ('hagrid', 'coco_people', 'yolo_hands')),\n"
        "          '--workspace', sys.argv[2], '--quiet'])\n"
    )
    command = [sys.executable, "-P", "-c", script, str(tmp_path / "site"), str(tmp_path / "w")]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "images 411" in ran.stdout and "images 40" in ran.stdout and "images 31" in ran.stdout
