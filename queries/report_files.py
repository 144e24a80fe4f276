"""Where reports go: looked at before an audit begins, and written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from queries.errors import KpauditError, UsageError

_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


@dataclass(frozen=True)
class Target:
    """A report's file: `path`, links followed, or None for stdout; a pipe or device is written `direct`."""

    option: str
    given: str
    path: Path | None
    direct: bool = False

    def write(self, content: Iterable[str], out: TextIO) -> None:
        """Writes it, `out` being stdout. Raises KpauditError, and then a former file is as it was."""
        if self.path is None:
            out.writelines(content)
            return
        try:
            if self.direct:
                with self.path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                    file.writelines(content)
            else:
                _replace(self.path, content)
        except OSError as error:
            raise KpauditError(f"{self.option} {self.given} can't be written: {error.strerror}") from error


def targets(files: Mapping[str, Path], baseline: Path | None = None) -> dict[str, Target]:
    """What each kind of report goes to, by kind.

    Raises UsageError where two go to one place, or one would replace the baseline, and KpauditError where
    one can't be written: before an audit has been waited for.
    """
    found: dict[str, Target] = {}
    for kind, given in files.items():
        found[kind] = target = _target(f"--{kind}", given)
        if target.direct:
            continue
        for other in found.values():
            if other is not target and other.path == target.path:
                where = "stdout: give one of them a file" if target.path is None else f"{target.given}"
                told = "can't both go to" if target.path is None else "would both be written to"
                raise UsageError(f"{other.option} and {target.option} {told} {where}")
        if baseline is not None and target.path is not None and _same(target.path, baseline):
            raise UsageError(
                f"{target.option} {target.given} would replace the baseline, and what is new now would be "
                "known to the next run: write another file, and put it in the baseline's place once accepted"
            )
    return found


def _target(option: str, given: Path) -> Target:
    said = str(given)
    if said in _STDOUT:
        return Target(option, said, None)
    try:
        mode = given.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise KpauditError(f"{option} {said} can't be written: {error.strerror}") from error
    if mode is not None and stat.S_ISDIR(mode):
        raise UsageError(f"{option} {said} is a folder, expected a file")
    # what a shell hands over as /dev/fd/63 has no folder to put a new file in
    if mode is not None and (not stat.S_ISREG(mode) or said.startswith(("/dev/", "/proc/"))):
        if not os.access(given, os.W_OK):
            raise KpauditError(f"{option} {said} can't be written: permission denied")
        return Target(option, said, given, direct=True)
    path = Path(os.path.realpath(given))
    if not path.parent.is_dir():
        raise KpauditError(f"{option} {said}: there is no folder {path.parent}")
    if mode is not None and not os.access(path, os.W_OK):
        raise KpauditError(f"{option} {said} can't be written: it is read-only")
    try:
        handle, probe = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        raise KpauditError(f"{option} {said} can't be written: {error.strerror}") from error
    return Target(option, said, path)


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _replace(path: Path, content: Iterable[str]) -> None:
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(content)
        os.chmod(beside, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
