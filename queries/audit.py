"""Runs the checks on the datasets of a workspace and writes what they find, one file a dataset."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import duckdb

from queries import audit_config, audit_state, catalogue, sqlfile
from queries.audit_config import Config
from queries.audit_context import COLUMNS, Audit, NotApplicable, Shared
from queries.audit_state import State
from queries.catalogue import Check, Source
from queries.errors import KpauditError, UsageError, WorkspaceError, did_you_mean
from queries.model import FINDINGS_VERSION, ID_BLOCK
from queries.needs import unmet
from queries.store import Store
from queries.workspace import Workspace, is_full

#: (checks done, checks in all, dataset and check that runs now)
AuditProgress = Callable[[int, int, str], None]

_NO_BUDGET = 1 << 62
_LONGEST = 2_000  # characters of a reason or a note
#: a JSON text, or a number that JSON has not and DuckDB writes and reads all the same
_NOT_FINITE = re.compile(r'("(?:[^"\\]|\\.)*")|-?\b(?:nan|inf(?:inity)?)\b', re.IGNORECASE)
_CHANGED = "kpaudit.toml says otherwise now than when this check ran: run it again"


@dataclass(frozen=True)
class Ran:
    """How one check went on one dataset."""

    check: Check
    severity: str
    status: str  # done, not applicable, off, failed
    reason: str | None
    findings: int
    seconds: float


class Audited(dict[str, list[Ran]]):
    """How the checks went, by dataset. `failed` are the datasets that could not be audited, and why;
    `configs` what holds for each, `notes` what else there is to say, a sentence each."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: dict[str, str] = {}
        self.configs: dict[str, Config] = {}
        self.notes: list[str] = []


def run(
    workspace: Workspace,
    datasets: Iterable[str] | None = None,
    checks: Iterable[str] | None = None,
    progress: AuditProgress = lambda done, total, what: None,
    waiting: Callable[[], None] = lambda: None,
    only_stale: bool = False,
) -> Audited:
    """Runs the checks (all, or the ids given) on the datasets (all, or the names given).

    Findings of checks that are not run stay as they were, where the index is still the one they were made
    of. With `only_stale`, those checks alone run whose findings are not of the index, facts, catalogue and
    configuration as they are now. A check that fails is reported as failed and stops none of the others; so
    is a dataset.

    Raises UsageError for unknown names and a wrong kpaudit.toml, WorkspaceError where there is no index.
    """
    chosen = (
        [catalogue.named(name).id for name in checks] if checks is not None else list(catalogue.sources())
    )
    today = datetime.datetime.now(datetime.UTC).date()
    with workspace.writing(waiting) as scratch:
        store = Store(workspace)
        try:
            audited = Audited()
            jobs = []
            # all that is configured is read before the first check runs
            for dataset in _wanted(store, datasets):
                config = _config(workspace, store, dataset)
                audited.configs[dataset["name"]] = config
                audited.notes += [f"{dataset['name']}: {note}" for note in config.notes]
                now = audit_state.state(store, dataset, config, today)
                stale = now.stale(store.audited.get(dataset["dataset_id"]))
                todo = [name for name in chosen if name in stale] if only_stale else chosen
                if todo or not only_stale:
                    jobs.append((dataset, now, todo))
            audited.notes += store.wrong_lines
            done, total = 0, sum(len(todo) for _, _, todo in jobs)
            for dataset, now, todo in jobs:
                name = dataset["name"]
                try:
                    job = _Job(workspace, store, scratch, dataset, audited.configs[name], now)
                    audited[name] = job.run(todo, lambda n, what, base=done: progress(base + n, total, what))
                except Exception as error:  # a mistake in one dataset must not take the others with it
                    if _is_interrupt(error):
                        raise
                    audited.failed[name] = _why(error, workspace)
                done += len(todo)
            return audited
        finally:
            store.close()


def _config(workspace: Workspace, store: Store, dataset: Mapping[str, Any]) -> Config:
    # where an index can't be opened, nobody knows its dataset's name
    known = [row["name"] for row in store.datasets] if not store.broken else None
    return audit_config.load(Path(dataset["root"]), workspace.path, dataset["name"], known)


def _why(error: Exception, workspace: Workspace) -> str:
    """Why a dataset was not audited, in a sentence."""
    if isinstance(error, KpauditError):
        return str(error)
    if is_full(error):
        told = "no space left for the findings; those that were there are unchanged"
        return f"{workspace.path}: {told}"
    if isinstance(error, (OSError, MemoryError)):
        return " ".join(str(error).split()) or "not enough memory"
    told = f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
    return f"a mistake in kpaudit itself, please report it: {told}"


def _brief(text: str) -> str:
    """A sentence that may list every skeleton of thousands, cut."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _is_interrupt(error: Exception) -> bool:
    """Whether it is what DuckDB makes of Ctrl-C."""
    return isinstance(error, duckdb.InterruptException) or str(error) == "Query interrupted"


def _wanted(store: Store, names: Iterable[str] | None) -> list[dict[str, Any]]:
    if names is None:
        return store.datasets
    known = {row["name"]: row for row in store.datasets}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"no dataset called {unknown[0]!r} is indexed{did_you_mean(unknown[0], known)}; there are: "
            + ", ".join([*sorted(known), *(f"{name} ({why})" for name, why in store.broken.items())])
        )
    return [known[name] for name in known if name in set(names)]


class _Job:
    """One dataset's audit: shared tables, each check in turn, one new file of findings."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        scratch: Path,
        dataset: dict[str, Any],
        config: Config,
        state: State,
    ):
        self.workspace, self.store, self.dataset, self.config = workspace, store, dataset, config
        self.state = state
        self.built = scratch / f"findings-{dataset['dataset_id']}.duckdb"
        # one connection for all: shared tables are made once and seen by every check
        self.con = store.cursor()
        self.sql = sqlfile.statements("audit.sql")
        self.at = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)

    def run(self, chosen: list[str], progress: Callable[[int, str], None]) -> list[Ran]:
        number = self.dataset["dataset_id"]
        try:
            ran = self._write(chosen, progress)
            # what does not fit on the disk is noticed here at the latest
            self.con.execute("checkpoint out")
        except duckdb.Error as error:
            if is_full(error):
                raise WorkspaceError(_why(error, self.workspace)) from error
            raise
        finally:
            self._let_go()
        target = self.workspace.findings_path(number, self.dataset["name"])
        self.workspace.swap_in(self.built, target, self.workspace.findings_files(number))
        return ran

    def _let_go(self) -> None:
        """Lets the findings file go, whatever state an error has left the connection in."""
        for statement in ("rollback", "use memory", "detach database if exists out"):
            with contextlib.suppress(duckdb.Error):
                self.con.execute(statement)

    def _write(self, chosen: list[str], progress: Callable[[int, str], None]) -> list[Ran]:
        started = time.perf_counter()
        shared = Shared(self.con, self.dataset)
        self.con.execute("attach $path as out", {"path": str(self.built)})
        self.con.execute("use out")
        self.con.execute(sqlfile.text("findings.sql"))
        self.con.execute("use memory")
        self._keep_former(chosen)
        ran = []
        for done, check_id in enumerate(chosen):
            progress(done, f"{' '.join(self.dataset['name'].split())}: {check_id}")
            ran.append(self._check(catalogue.sources()[check_id], shared))
        self._suppress()
        former = self.store.audited.get(self.dataset["dataset_id"])
        self.con.execute(
            self.sql["audit_run"],
            {"dataset": self.dataset["dataset_id"], "build": self.dataset["build_id"],
             "state": self.state.after(former, chosen), "version": FINDINGS_VERSION, "at": self.at,
             "seconds": time.perf_counter() - started},
        )  # fmt: skip
        return ran

    def _keep_former(self, chosen: list[str]) -> None:
        """Takes over the findings of the checks that are not run now."""
        known, config = catalogue.checks(), self.config
        self.con.execute(
            self.sql["configured"],
            {"checks": [check.id for check in known],
             "severities": [config.severity_of(check) for check in known],
             "params": [json.dumps(config.params_of(check)) for check in known],
             "enabled": [config.enabled.get(check.id, True) for check in known]},
        )  # fmt: skip
        former = {"dataset": self.dataset["dataset_id"], "new": chosen}
        self.con.execute(self.sql["keep_former_runs"], {**former, "changed": _CHANGED})
        for name in ("keep_former_findings", "keep_former_unlisted"):
            self.con.execute(self.sql[name], former)

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
                self._leave("commit")
                counts = self._counted(check)
                if counts[0]:
                    self._keep(check)
                notes, records = [_brief(note) for note in context.notes], context.records
            except NotApplicable as why:
                self._leave("rollback")
                status, reason, notes = "not applicable", _brief(str(why)), context.notes if context else []
            except Exception as error:  # a mistake in one check must not take the others with it
                if _is_interrupt(error) or isinstance(error, WorkspaceError):
                    raise
                self._leave("rollback")
                status, reason = "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
                counts = (0, 0)
        seconds = time.perf_counter() - started
        severity = self.config.severity_of(check)
        self.con.execute(
            self.sql["run"],
            {"dataset": self.dataset["dataset_id"], "check_id": check.id, "title": check.title,
             "category": check.category, "severity": severity, "status": status, "reason": reason,
             "findings": counts[0], "listed": min(counts[0], check.budget or _NO_BUDGET), "records": records,
             "unit": check.of, "flagged": counts[1], "seconds": seconds, "params": json.dumps(params),
             "notes": notes, "at": self.at},
        )  # fmt: skip
        return Ran(check, severity, status, reason, counts[0], seconds)

    def _leave(self, how: str) -> None:
        """Ends what a check may have begun: a transaction, another database. The next one starts afresh."""
        with contextlib.suppress(duckdb.TransactionException):
            self.con.execute(how)
        self.con.execute("use memory")

    def _find(self, source: Source, context: Audit) -> None:
        """Runs the check into the table `found`."""
        self.con.execute(self.sql["found"])
        for name in source.check.uses:
            context.shared.table(name)
        if source.check.judged is not None:
            self._ask_judged(source.check, context)
        if source.sql is not None:
            self.con.execute(f"insert into found by name {source.sql}", self._used(source.sql, context))
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

    def _used(self, sql: str, context: Audit) -> dict[str, Any] | None:
        """The parameters that a statement names; DuckDB refuses those that it does not."""
        asked = set(re.findall(r"\$([a-z_]\w*)", re.sub(r"^--.*$", "", sql, flags=re.MULTILINE)))
        names = {"dataset": self.dataset["dataset_id"], **context.params}
        return {name: value for name, value in names.items() if name in asked} or None

    def _ask_judged(self, check: Check, context: Audit) -> None:
        """Counts what the check can judge and notes the rest. Raises NotApplicable where that is all."""
        row = self.con.execute(check.judged, self._used(check.judged, context)).fetchone()
        judged, total = int(row[0] or 0), int(row[-1] or 0)
        if not total:
            raise NotApplicable(f"there are no {check.of} that it could judge")
        why = Template(check.unjudged or "").safe_substitute(context.params)
        because = f": {why}" if why else ""
        if not judged:
            raise NotApplicable(f"none of {total:,} {check.of} can be judged{because}")
        context.checked(judged)
        if judged < total:
            context.note(f"{total - judged:,} of {total:,} {check.of} could not be judged{because}")

    def _counted(self, check: Check) -> tuple[int, int]:
        block = {"block": self.dataset["dataset_id"] * ID_BLOCK}
        if self.con.execute(self.sql["wrong"], block).fetchone()[0]:
            row = self.con.execute(self.sql["first_wrong"], block).fetchone()
            raise ValueError(f"the check returned a finding that is none: {row}")
        return self.con.execute(self.sql["counts"], {"unit": check.of}).fetchone()

    def _keep(self, check: Check) -> None:
        strange = [row[0] for row in self.con.execute(self.sql["strange_evidence"]).fetchall()]
        if strange:
            plain = [_NOT_FINITE.sub(lambda m: m[1] or "null", text) for text in strange]
            self.con.execute(self.sql["plain_evidence"], {"old": strange, "new": plain})
        of = {"check_id": check.id, "dataset": self.dataset["dataset_id"]}
        budget = check.budget or _NO_BUDGET
        try:
            self.con.execute(self.sql["keyed"], {"check_id": check.id, "dataset_name": self.dataset["name"]})
            severity = self.config.severity_of(check)
            self.con.execute(self.sql["keep"], {**of, "severity": severity, "budget": budget})
            self.con.execute(self.sql["keep_unlisted"], {**of, "budget": budget})
        except duckdb.Error as error:
            if is_full(error):
                raise WorkspaceError(_why(error, self.workspace)) from error
            raise

    def _suppress(self) -> None:
        """Marks what kpaudit.toml suppresses."""
        rules = self.config.suppressions
        if not rules:
            return
        named = {rule.by.get("check") for rule in rules}
        wanted = [check.id for check in catalogue.checks()] if None in named else sorted(named)
        names = ("key", "check", "dataset", "image", "class", "split", "subject", "joint", "about")
        rows = self.con.execute(self.sql["suppressible"], {"checks": wanted}).fetchall()
        hits = self.config.suppressed((dict(zip(names, row, strict=True)) for row in rows), self.at.date())
        if hits:
            keys, reasons = map(list, zip(*hits, strict=True))
            self.con.execute(self.sql["suppress"], {"keys": keys, "reasons": reasons})
