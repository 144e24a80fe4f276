"""Measures image files in processes of their own: one that a hostile file ends costs that file alone.

Both ends of the pipe are here. A worker is started as `python -m queries.measure_workers ROOTS`, gets one
JSON line an image on stdin and answers each, in order, with one on stdout; it ends when its stdin does, so
none outlives the command, however that ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import KpauditError
from .images import ImageSource, Located
from .pixels import ImageUnavailable

#: Errors that begin so are the process's, not the file's, and may be gone when it is tried again.
DIED = "decoding it "
#: Seconds after which an image is given up: a few kilobytes can describe hours of decoding.
PATIENCE = 120.0
_WINDOW = 8  # images on their way to one worker: enough that it never waits for the next
_MEMORY = 4 * 2**30  # bytes of address space of a worker


@dataclass(frozen=True, slots=True)
class Job:
    """An image to measure: its place in the dataset, and its file."""

    split: str
    key: str
    located: Located


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen
    jobs: deque[Job] = field(default_factory=deque)
    since: float = 0.0  # when it last answered, or was given something to do
    ready: bool = False
    rest: bytes = b""
    late: bool = False

    def send(self, job: Job) -> None:
        if not self.jobs:
            self.since = time.monotonic()
        self.jobs.append(job)
        found = job.located
        record = [str(found.path), found.member, found.bytes, found.mtime_ns, str(found.root)]
        # one that has just died is noticed by its end of the other pipe
        with contextlib.suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), json.dumps(record).encode() + b"\n")


class Pool:
    """A few workers that read below the same roots. Use as a context manager: it ends them."""

    def __init__(self, roots: Sequence[Path], workers: int, patience: float | None = None):
        self._roots, self._patience = [str(root) for root in roots], patience or PATIENCE
        self._selector = selectors.DefaultSelector()
        self._workers: list[_Worker] = []
        self._count = workers

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
            _let_go(worker)
        self._selector.close()

    def measured(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
        """Each job with the fields of its ImageFacts, as they are done; `jobs` is drawn on as needed.

        Raises KpauditError where a worker can't be started at all.
        """
        again: deque[Job] = deque()
        more = True
        while True:
            while (more or again) and not self._full():
                job = again.popleft() if again else next(jobs, None)
                if job is None:
                    more = False
                else:
                    self._least_busy().send(job)
            if not more and not again and not any(worker.jobs for worker in self._workers):
                return
            for selected, _ in self._selector.select(timeout=1.0):
                yield from self._answers(selected.data, again)
            self._stop_the_late()

    def _full(self) -> bool:
        return len(self._workers) == self._count and all(len(w.jobs) >= _WINDOW for w in self._workers)

    def _least_busy(self) -> _Worker:
        """The worker with the fewest jobs; a new one where each has some and there may be more of them."""
        idlest = min(self._workers, key=lambda worker: len(worker.jobs), default=None)
        if idlest is None or (idlest.jobs and len(self._workers) < self._count):
            return self._start()
        return idlest

    def _start(self) -> _Worker:
        worker = _Worker(_started(self._roots))
        os.set_blocking(worker.process.stdout.fileno(), False)
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        return worker

    def _answers(self, worker: _Worker, again: deque[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
        data = os.read(worker.process.stdout.fileno(), 1 << 16)
        if not data:
            yield from self._ended(worker, again)
            return
        *lines, worker.rest = (worker.rest + data).split(b"\n")
        worker.since = time.monotonic()
        for line in lines:
            if worker.ready:
                yield worker.jobs.popleft(), json.loads(line)
            worker.ready = True  # its first line says no more than that

    def _ended(self, worker: _Worker, again: deque[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
        self._workers.remove(worker)
        self._selector.unregister(worker.process.stdout)
        code = worker.process.wait()
        if not worker.ready:
            _let_go(worker)
            raise KpauditError(f"a process that measures images can't be started: it ended with code {code}")
        _let_go(worker)
        if worker.jobs:
            job = worker.jobs.popleft()
            again.extend(worker.jobs)
            late = f"took more than {self._patience:g} s"
            what = late if worker.late else f"ended the process ({_how(code)})"
            yield job, {"bytes": job.located.bytes, "error": DIED + what}

    def _stop_the_late(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.jobs and now - worker.since > self._patience and not worker.late:
                worker.late = True
                worker.process.kill()


def command(roots: Sequence[str]) -> list[str]:
    """What starts a worker. Its path has no current folder in it, which may be a dataset's."""
    return [sys.executable, "-P", "-m", "queries.measure_workers", json.dumps(list(roots))]


def _started(roots: Sequence[str]) -> subprocess.Popen:
    home = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (home, os.environ.get("PYTHONPATH")) if part)
    # the images are what is spread over the cores, not the arithmetic within one
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return subprocess.Popen(
        command(roots),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env={**os.environ, **single, "PYTHONPATH": path},
        process_group=0,  # Ctrl-C is the command's business
    )


def _let_go(worker: _Worker) -> None:
    worker.process.wait()
    worker.process.stdin.close()
    worker.process.stdout.close()


def _how(code: int) -> str:
    with contextlib.suppress(ValueError):
        if code < 0:
            return signal.Signals(-code).name
    return f"exit code {code}"


def main(roots: Sequence[str]) -> None:
    """A worker: answers each line of stdin until there are no more."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a decoder prints is no answer
    _limit_memory()
    # numpy is loaded here, before the first image counts as this worker's
    from .image_facts import facts_of  # noqa: PLC0415

    source: tuple[Path | None, ImageSource] = (None, ImageSource(roots))
    answers.write("\n")
    answers.flush()
    for line in sys.stdin:
        path, member, size, mtime_ns, root = json.loads(line)
        located = Located(Path(path), member, size, mtime_ns, Path(root))
        if member is not None and source[0] != located.path:
            # one zip's table of contents at a time: the jobs come zip by zip
            source = (located.path, ImageSource(roots))
        answers.write(json.dumps(_measure(source[1], located, facts_of)) + "\n")
        answers.flush()


def _measure(source: ImageSource, located: Located, facts_of: Any) -> dict[str, Any]:
    try:
        return asdict(facts_of(source.read(located)))
    except ImageUnavailable as error:
        return {"bytes": located.bytes, "error": error.reason}
    except (MemoryError, OSError) as error:
        return {"bytes": located.bytes, "error": f"can't be read: {error or 'not enough memory'}"}


def _limit_memory() -> None:
    """A file that asks for too much gets a MemoryError, and the other programs keep their memory."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
