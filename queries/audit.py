"""Runs the checks on the datasets of a workspace and writes what they find, one file a dataset."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from queries import audit_config, catalogue, sqlfile
from queries.audit_config import Config
from queries.audit_context import COLUMNS, Audit, NotApplicable, Shared
from queries.catalogue import Check, Source
from queries.errors import UsageError, WorkspaceError
from queries.model import FINDINGS_VERSION, ID_BLOCK
from queries.needs import unmet
from queries.store import Store
from queries.workspace import Workspace

#: (checks done, checks in all, dataset and check that runs now)
AuditProgress = Callable[[int, int, str], None]

_NO_BUDGET = 1 << 62


@dataclass(frozen=True)
class Ran:
    """How one check went on one dataset."""

    check: Check
    severity: str
    status: str  # done, not applicable, off, failed
    reason: str | None
    findings: int
    seconds: float


def run(
    workspace: Workspace,
    datasets: Iterable[str] | None = None,
    checks: Iterable[str] | None = None,
    progress: AuditProgress = lambda done, total, what: None,
    waiting: Callable[[], None] = lambda: None,
    only_stale: bool = False,
) -> dict[str, list[Ran]]:
    """Runs the checks (all, or the ids given) on the datasets (all, or the names given).

    Findings of checks that are not run stay as they were, where the index is still the one they were made
    of. With `only_stale`, a dataset is left alone whose findings are of the same index, facts, catalogue and
    configuration. A check that fails is reported as failed and stops none of the others.

    Raises UsageError for unknown names and a wrong kpaudit.toml, WorkspaceError where there is no index.
    """
    chosen = (
        [catalogue.named(name).id for name in checks] if checks is not None else list(catalogue.sources())
    )
    with workspace.writing(waiting) as scratch:
        store = Store(workspace)
        try:
            wanted = _wanted(store, datasets)
            configs = {
                d["name"]: audit_config.load(Path(d["root"]), workspace.path, d["name"]) for d in wanted
            }
            jobs = [
                (d, state)
                for d in wanted
                if (state := _state(store, d, configs[d["name"]])) != store.audited.get(d["dataset_id"])
                or not only_stale
            ]
            total = len(jobs) * len(chosen)
            found: dict[str, list[Ran]] = {}
            for number, (dataset, state) in enumerate(jobs):
                job = _Job(workspace, store, scratch, dataset, configs[dataset["name"]], state)
                base = number * len(chosen)
                found[dataset["name"]] = job.run(
                    chosen, lambda done, what, base=base: progress(base + done, total, what)
                )
            return found
        finally:
            store.close()


def _wanted(store: Store, names: Iterable[str] | None) -> list[dict[str, Any]]:
    if names is None:
        return store.datasets
    known = {row["name"]: row for row in store.datasets}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"no dataset called {unknown[0]!r} is indexed; there are: {', '.join(sorted(known))}"
        )
    return [known[name] for name in known if name in set(names)]


def _state(store: Store, dataset: Mapping[str, Any], config: Config) -> str:
    """What findings depend on: this index and its facts, the other datasets, the code, the configuration."""
    parts = [
        dataset["build_id"],
        *sorted(row["build_id"] for row in store.datasets),
        *sorted(f"{key} {value}" for key, value in store.measured.items()),
        _code(),
        json.dumps(config.describe(), sort_keys=True, default=str),
    ]
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


@cache
def _code() -> str:
    """A digest of everything below the screen: an audit of other code is not this one's."""
    digest = hashlib.blake2b(digest_size=16)
    pending = [resources.files("queries")]
    while pending:
        for entry in sorted(pending.pop().iterdir(), key=lambda item: item.name):
            if entry.is_dir():
                pending.append(entry)
            elif entry.name.endswith((".sql", ".py", ".toml")):
                digest.update(entry.name.encode() + entry.read_bytes())
    return digest.hexdigest()


class _Job:
    """One dataset's audit: shared tables, each check in turn, one new file of findings."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        scratch: Path,
        dataset: dict[str, Any],
        config: Config,
        state: str,
    ):
        self.workspace, self.store, self.dataset, self.config = workspace, store, dataset, config
        self.state = state
        self.built = scratch / f"findings-{dataset['dataset_id']}.duckdb"
        # one connection for all: shared tables are made once and seen by every check
        self.con = store.cursor()
        self.sql = sqlfile.statements("audit.sql")
        self.at = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)

    def run(self, chosen: list[str], progress: Callable[[int, str], None]) -> list[Ran]:
        started = time.perf_counter()
        number = self.dataset["dataset_id"]
        shared = Shared(self.con, self.dataset)
        self.con.execute("attach $path as out", {"path": str(self.built)})
        ran = []
        try:
            self.con.execute("use out")
            self.con.execute(sqlfile.text("findings.sql"))
            self.con.execute("use memory")
            for name in ("keep_former_runs", "keep_former_findings"):
                known = {"dataset": number, "new": chosen, "known": list(catalogue.sources())}
                self.con.execute(self.sql[name], known)
            for done, check_id in enumerate(chosen):
                progress(done, f"{self.dataset['name']}: {check_id}")
                ran.append(self._check(catalogue.sources()[check_id], shared))
            self._suppress([check.id for check in catalogue.checks()])
            self.con.execute(
                self.sql["audit_run"],
                {"dataset": number, "build": self.dataset["build_id"], "state": self._state_after(chosen),
                 "version": FINDINGS_VERSION, "at": self.at, "seconds": time.perf_counter() - started},
            )  # fmt: skip
        except duckdb.Error as error:
            if "No space left" in str(error) or "not enough disk space" in str(error).lower():
                told = "no space left for the findings; those that were there are unchanged"
                raise WorkspaceError(f"{self.workspace.path}: {told}") from error
            raise
        finally:
            self.con.execute("use memory")
            self.con.execute("detach out")
        target = self.workspace.findings_path(number, self.dataset["name"])
        self.workspace.swap_in(self.built, target, self.workspace.findings_files(number))
        return ran

    def _state_after(self, chosen: list[str]) -> str:
        """Findings of some checks only are never the whole audit that `open` need not repeat."""
        if (
            len(chosen) == len(catalogue.sources())
            or self.store.audited.get(self.dataset["dataset_id"]) == self.state
        ):
            return self.state
        return "partial"

    def _check(self, source: Source, shared: Shared) -> Ran:
        check, started = source.check, time.perf_counter()
        params = self.config.params_of(check)
        status, reason, counts, notes, records = "done", None, (0, 0), [], None
        if not self.config.enabled.get(check.id, True):
            status, reason = "off", f"switched off in {self.config.files[-1]}"
        else:
            context = None
            try:
                if (reason := unmet(check.needs, shared.census)) is not None:
                    raise NotApplicable(reason)
                context = Audit(shared, check, params)
                self._find(source, context)
                counts = self._counted(check)
                notes, records = context.notes, context.records
            except NotApplicable as why:
                status, reason, notes = "not applicable", str(why), context.notes if context else []
            except Exception as error:  # a mistake in one check must not take the others with it
                status, reason = "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
        if status == "done" and counts[0]:
            self._keep(check)
        seconds = time.perf_counter() - started
        severity = self.config.severity_of(check)
        listed = min(counts[0], check.budget or _NO_BUDGET) if status == "done" else 0
        self.con.execute(
            self.sql["run"],
            {"dataset": self.dataset["dataset_id"], "check_id": check.id, "title": check.title,
             "category": check.category, "severity": severity, "status": status, "reason": reason,
             "findings": counts[0], "listed": listed, "records": records, "unit": check.of, "flagged": counts[1],
             "seconds": seconds, "params": json.dumps(params), "notes": notes, "at": self.at},
        )  # fmt: skip
        return Ran(check, severity, status, reason, counts[0], seconds)

    def _find(self, source: Source, context: Audit) -> None:
        """Runs the check into the table `found`."""
        self.con.execute(self.sql["found"])
        for name in source.check.uses:
            context.shared.table(name)
        if source.sql is not None:
            names = {"dataset": self.dataset["dataset_id"], **context.params}
            used = {name: value for name, value in names.items() if f"${name}" in source.sql}
            self.con.execute(f"insert into found by name {source.sql}", used or None)
            return
        frame = source.find(context)
        if frame is None or not len(frame):
            return
        frame = frame[[name for name in COLUMNS if name in frame.columns]]
        self.con.register("returned", frame)
        try:
            self.con.execute("insert into found by name from returned")
        finally:
            self.con.unregister("returned")

    def _counted(self, check: Check) -> tuple[int, int]:
        block = {"block": self.dataset["dataset_id"] * ID_BLOCK}
        if self.con.execute(self.sql["wrong"], block).fetchone()[0]:
            row = self.con.execute(self.sql["first_wrong"], block).fetchone()
            raise ValueError(f"the check returned a finding that is none: {row}")
        return self.con.execute(self.sql["counts"], {"unit": check.of}).fetchone()

    def _keep(self, check: Check) -> None:
        self.con.execute(
            self.sql["keep"],
            {"budget": check.budget or _NO_BUDGET, "check_id": check.id, "dataset_name": self.dataset["name"],
             "severity": self.config.severity_of(check), "dataset": self.dataset["dataset_id"]},
        )  # fmt: skip

    def _suppress(self, checks: list[str]) -> None:
        """Marks what kpaudit.toml suppresses."""
        if not self.config.suppressions:
            return
        keys = {s.by["check"] for s in self.config.suppressions if "check" in s.by}
        wanted = checks if any("check" not in s.by for s in self.config.suppressions) else sorted(keys)
        names = ("key", "check", "dataset", "image", "class", "split", "subject", "joint", "about")
        today = self.at.date()
        hits = []
        for row in self.con.execute(self.sql["suppressible"], {"checks": wanted}).fetchall():
            finding = dict(zip(names, row, strict=True))
            found = next((s for s in self.config.suppressions if s.matches(finding, today)), None)
            if found is not None:
                hits.append((found.reason, finding["key"]))
        if hits:
            self.con.executemany("update out.finding set suppressed = ? where finding_key = ?", hits)
