"""An audit as one HTML file that needs nothing else: no network, no script; for the screen and for paper.

Whatever comes out of a dataset is text here: it goes through `_text`, which escapes it. The size is bounded
by how many findings are drawn and listed, shared out so that every check has some.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib import resources
from typing import Any

from queries import catalogue, report_figure
from queries.catalogue import SEVERITIES
from queries.report_pictures import Choice, Pictures, Shown
from queries.report_words import (
    STATES,
    agreed_words,
    figure,
    number,
    place,
    quiet_words,
    rate_words,
    sentence,
    shown,
    state,
)
from queries.reports import CheckResult, DatasetResult, Report, version, with_findings
from queries.store import Store

#: A report on more datasets than these has their tables of checks folded.
_FEW_DATASETS = 3

# Nothing may be loaded and nothing run, whatever a dataset's texts try.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def write(report: Report, store: Store) -> Iterator[str]:
    """The document, piece by piece."""
    choice = Choice(report)
    pictures = Pictures(report, store, choice)
    yield from _head(report)
    yield from _summary(report)
    for number_, dataset in enumerate(report.gravest_first, 1):
        yield from _dataset(report, dataset, f"d{number_}", choice, pictures)
    yield _foot()


def _text(value: object, limit: int = 400) -> str:
    return escape(shown(value, limit))


def _head(report: Report) -> Iterator[str]:
    names = [dataset.name for dataset in report.datasets]
    title = f"Audit of {names[0]}" if len(names) == 1 else f"Audit of {number(len(names), 'dataset')}"
    css = resources.files("queries").joinpath("report.css").read_text(encoding="utf-8")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{_text(title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n"
        f"{report_figure.definitions()}\n<main>\n"
        f"<h1>{_text(title)}</h1>\n"
        f'<p class="muted">{report.made_at:%Y-%m-%d %H:%M} UTC, kpaudit {_text(version())}</p>\n'
    )


def _summary(report: Report) -> Iterator[str]:
    """The verdict, and each dataset with its numbers by severity."""
    said, _, counts = report.verdict.partition(":")
    yield (
        f'<p class="verdict{" fails" if report.failed else ""}"><strong>{_text(said)}</strong>: '
        f"{_text(counts)}</p>\n"
    )
    for file, why in report.unread:
        yield f'<p class="failed"><code>{_text(file)}</code>: {_text(why)}</p>\n'
    for note in report.notes:
        yield f'<p class="muted">{_text(note, 600)}</p>\n'
    if report.baseline:
        yield (
            f'<p class="muted">Only findings that are not in <code>{_text(report.baseline)}</code> are shown '
            "and counted as new; rates are of all findings.</p>\n"
        )
    head = "".join(f'<th class="n">{name}</th>' for name in SEVERITIES)
    yield (
        '<div class="tablebox"><table>\n<thead><tr><th>dataset</th><th>format</th><th class="n">images</th>'
        f'<th class="n">annotations</th><th class="n">keypoints</th>{head}<th class="n">suppressed</th>'
        "<th>verdict</th></tr></thead>\n<tbody>\n"
    )
    for n, dataset in enumerate(report.gravest_first, 1):
        facts = dataset.facts
        sizes = (facts[name] for name in ("images", "annotations", "keypoints"))
        size = "".join(f'<td class="n">{count:,}</td>' for count in sizes)
        found = "".join(f'<td class="n">{_count(dataset.count(name), name)}</td>' for name in SEVERITIES)
        yield (
            f'<tr><td><a href="#d{n}">{_text(dataset.name)}</a></td>'
            f"<td>{_text(facts['format'])}</td>{size}{found}"
            f'<td class="n">{sum(c.suppressed for c in dataset.checks):,}</td>'
            f"<td>{_text(_judged(report, dataset))}</td></tr>\n"
        )
    yield "</tbody></table></div>\n"


def _count(count: int, severity: str) -> str:
    return f'<span class="severity {severity}">{count:,}</span>' if count else "0"


def _judged(report: Report, dataset: DatasetResult) -> str:
    level = report.fail_on[dataset.name]
    if not dataset.checks:
        return "not audited since it was indexed"
    return f"{'fails' if report.fails(dataset) else 'passes'} at {level}"


def _dataset(
    report: Report, dataset: DatasetResult, anchor: str, choice: Choice, pictures: Pictures
) -> Iterator[str]:
    facts = dataset.facts
    yield f'<section>\n<h2 id="{anchor}">{_text(dataset.name)}</h2>\n<ul class="facts">\n'
    yield f"<li><b>{_text(_judged(report, dataset))}</b></li>\n"
    for name in ("images", "annotations", "keypoints", "subjects"):
        if facts[name] or name != "subjects":
            yield f"<li><b>{facts[name]:,}</b> {name if facts[name] != 1 else name[:-1]}</li>\n"
    yield f"<li>format {_text(facts['format'])}</li>\n"
    if facts["audited_at"]:
        yield f"<li>audited {facts['audited_at']:%Y-%m-%d %H:%M} UTC</li>\n"
    yield "</ul>\n"
    yield f'<p class="muted small root">{_text(facts["root"])}</p>\n'
    if not dataset.checks:
        yield "<p>This dataset was not audited since it was indexed.</p>\n</section>\n"
        return
    hits = with_findings(dataset)
    if hits:
        yield f"<h3>Findings by check</h3>\n{report_figure.bars(hits)}\n"
    else:
        yield f"<p>No finding counts: {quiet_words(dataset.checks, report.not_asked)}.</p>\n"
    for check in hits:
        yield from _card(report, check, anchor, choice.of(dataset.name, check.check), pictures)
    yield from _table(dataset, anchor, report)
    yield "</section>\n"


def _table(dataset: DatasetResult, anchor: str, report: Report) -> Iterator[str]:
    """Every check: how it went and of how much of the data; those that did not run by their reasons."""
    reviewed = any(check.agreed for check in dataset.checks)
    ran = [check for check in dataset.checks if check.status in ("done", "failed")]
    rest: dict[tuple[str, str], list[str]] = {}
    for check in dataset.checks:
        if check not in ran:
            rest.setdefault((check.status, check.reason or ""), []).append(check.check)
    broke = sum(check.status == "failed" for check in ran)
    said = f"{len(ran) - broke} of {number(len(dataset.checks), 'check')} done"
    said += f", {number(broke, 'check')} failed to run" if broke else ""
    for status, words in (("not applicable", "did not apply"), ("off", "off")):
        count = sum(check.status == status for check in dataset.checks)
        said += f", {count} {words}" if count else ""
    said += f", {report.not_asked} not asked for" if report.not_asked else ""
    # a check that broke is no detail
    unfolded = broke or len(report.datasets) <= _FEW_DATASETS
    yield f"<details{' open' if unfolded else ''}>\n<summary>All checks: {said}</summary>\n"
    yield (
        '<div class="tablebox"><table>\n<thead><tr><th>check</th><th>severity</th><th>status</th>'
        '<th class="n">findings</th><th>share of what was looked at (95 % interval)</th>'
        + ("<th>reviewers agreed (95 % interval)</th>" if reviewed else "")
        + '<th class="n">seconds</th></tr></thead>\n<tbody>\n'
    )
    for check in ran:
        name, severity = _text(check.check), _text(check.severity)
        linked = f'<a href="#{anchor}-{name}">{name}</a>' if check.new else name
        yield f'<tr><td class="id">{linked}</td><td><span class="severity {severity}">{severity}</span></td>'
        if check.status == "failed":
            wide = 4 if reviewed else 3
            yield f'<td colspan="{wide}"><b class="failed">failed</b> because {_text(check.reason)}</td>'
        else:
            yield (
                f'<td>{_text(_state(check))}</td><td class="n">{_findings(report, check)}</td>'
                f'<td class="rate">{_text(rate_words(check, interval=True))}</td>'
            )
            if reviewed:
                yield f'<td class="rate">{_text(agreed_words(check))}</td>'
        yield f'<td class="n">{check.seconds:.2f}</td></tr>\n'
    yield "</tbody></table></div>\n"
    if rest:
        yield (
            '<div class="tablebox"><table>\n<thead><tr><th>status</th><th>because</th><th>checks</th></tr>'
            "</thead>\n<tbody>\n"
        )
        for (status, reason), names in sorted(rest.items(), key=lambda item: (item[0][0], -len(item[1]))):
            listed = ", ".join(f'<span class="id">{_text(name)}</span>' for name in names)
            yield f'<tr><td class="id">{_text(status)}</td><td>{_text(reason)}</td><td>{listed}</td></tr>\n'
        yield "</tbody></table></div>\n"
    yield "</details>\n"


def _state(check: CheckResult) -> str:
    """How a check that ran went: silence has several reasons, and one of them is a pass."""
    name = state(check)
    return STATES[name][0] if name in STATES else "findings"


def _findings(report: Report, check: CheckResult) -> str:
    """`3`, `3 new of 7`, with what is suppressed or not listed."""
    said = f"{check.findings:,}"
    if report.baseline and check.new != check.findings - check.suppressed:
        said = f"{check.new:,} new of {said}"
    if check.suppressed:
        said += f", {check.suppressed:,} suppressed"
    return said


def _card(
    report: Report, check: CheckResult, anchor: str, findings: Shown, pictures: Pictures
) -> Iterator[str]:
    """One check: what it means, what it was set to, and its worst findings."""
    severity, name = _text(check.severity), _text(check.check)
    # a card that fits a page is not broken across two
    short = len(findings.listed) <= 12 and len(findings.drawn) <= 3
    new = " new" if report.baseline else ""
    yield (
        f'<article class="card{" short" if short else ""}" id="{anchor}-{name}">\n'
        f'<div class="about"><div class="head"><h4>{_text(check.title)}</h4>'
        f'<span><span class="severity {severity}">{severity}</span>, '
        f"{number(check.new, 'finding')}{new}</span>"
        f'</div>\n<p class="muted small"><code>{name}</code> · {_text(rate_words(check, interval=True))} · '
        f"{check.seconds:.2f} s</p>\n<dl>\n"
    )
    if agreed := agreed_words(check):
        yield f"<dt>reviewers</dt><dd>agreed with {_text(agreed)} of its findings that they judged</dd>\n"
    source = catalogue.sources().get(check.check)
    if source is not None:
        yield f"<dt>why</dt><dd>{_text(source.check.why, 2000)}</dd>\n"
        yield f"<dt>fix</dt><dd>{_text(source.check.fix, 2000)}</dd>\n"
    if check.params:
        params = (f"<code>{_text(name)} = {_text(value)}</code>" for name, value in check.params.items())
        yield f"<dt>set to</dt><dd>{', '.join(params)}</dd>\n"
    for note in check.notes:
        yield f"<dt>note</dt><dd>{_text(note, 2000)}</dd>\n"
    yield "</dl></div>\n"
    if findings.drawn:
        # one or two have their words beside them: below, the card would be mostly empty
        yield f'<div class="pictures{" few" if len(findings.drawn) <= 2 else ""}">\n'
        for row in findings.drawn:
            yield _figure(row, *pictures.draw(row))
        yield "</div>\n"
    yield from _more(check, findings)
    yield "</article>\n"


def _figure(row: Mapping[str, Any], drawn: str, reason: str | None) -> str:
    where, *rest = (_text(part) for part in place(row))
    frame = f'<div class="frame">{drawn}</div>' if drawn else '<div class="frame none">not drawn</div>'
    facts = [_text(fact, 60) for fact in (row["label"], row["split"]) if fact is not None]
    facts.append(f"score {row['score']:.2f}")
    if reason:
        facts.append("no image" if reason.startswith(("missing", "no image")) else _text(reason, 120))
    return (
        f"<figure>{frame}\n<figcaption>"
        f"<p>{' · '.join([f'<b>{where}</b>', *rest])}</p>"
        f'<p class="muted">{" · ".join(facts)}</p>'
        f"<p>{escape(sentence(row, 600))}</p>{_evidence(row['evidence'])}</figcaption></figure>\n"
    )


def _more(check: CheckResult, findings: Shown) -> Iterator[str]:
    """Findings that are not drawn, a line each, and how many are in no line."""
    drawn, listed = findings.drawn, findings.listed
    if listed:
        title = f"{len(listed):,} more" if drawn else number(len(listed), "finding")
        yield f'<details{"" if drawn else " open"}>\n<summary>{title}</summary>\n<ul class="more">\n'
        for row in listed:
            facts = ", ".join(_text(fact, 60) for fact in (row["label"], row["split"]) if fact is not None)
            where = " · ".join(_text(part) for part in place(row))
            yield (
                f"<li><b>{where}</b>{f' ({facts})' if facts else ''}: {escape(sentence(row))} "
                f'<span class="muted">score {row["score"]:.2f}</span></li>\n'
            )
        yield "</ul>\n</details>\n"
    left = check.new - len(drawn) - len(listed)
    if left > 0:
        yield f'<p class="muted">{left:,} more in <code>--json</code>.</p>\n'
    if check.listed < check.findings:
        yield (
            f'<p class="muted">The check ranks: of {check.findings:,} findings it lists the worst '
            f"{check.listed:,}.</p>\n"
        )


def _evidence(evidence: Any) -> str:
    """The numbers behind the sentence, on one line."""
    if not isinstance(evidence, Mapping):
        return ""
    given = [(name, _value(value)) for name, value in evidence.items() if value is not None]
    said = " · ".join(f"{_text(name, 40)} {_text(value, 120)}" for name, value in given[:12])
    return f'<p class="evidence">{said}</p>' if said else ""


def _value(value: Any) -> str:
    """A value of the evidence in words: the first of a long list, a record's names with their values."""
    if isinstance(value, (int, float)):
        return figure(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(item)}" for name, item in value.items() if item is not None)
    if isinstance(value, list):
        flat = all(item is None or isinstance(item, (str, int, float)) for item in value)
        most = 8 if flat else 3
        said = (", " if flat else "; ").join(_value(item) for item in value[:most])
        return f"{said}, … ({len(value)})" if len(value) > most else said
    return str(value)


def _foot() -> str:
    """How to read the pictures."""
    dot, ring = 'cx="9" cy="9" r="4.5"', 'cx="9" cy="9" r="6.5"'
    box = 'x="2" y="3" width="14" height="12"'
    marks: Iterable[tuple[str, str]] = (
        (f'<circle class="joint" fill="#1f77d0" {dot}/>', "a joint, visible or of which it is not recorded"),
        (f'<circle class="hollow" stroke="#1f77d0" {dot}/>', "a joint that is occluded"),
        (
            f'<circle class="ringrim" {ring}/><circle class="ring" {ring}/>',
            "around the joint that is blamed, or a box without area",
        ),
        (
            f'<rect class="rim" {box}/><rect class="box" {box}/>',
            "the box, dashed of a crowd or of both hands",
        ),
    )
    key = "".join(
        f'<span><svg viewBox="0 0 18 18" aria-hidden="true">{mark}</svg>{text}</span>\n'
        for mark, text in marks
    )
    return (
        '<section><h2>How to read it</h2>\n<p class="key">' + key + "</p>\n"
        "<p>Left limbs have cool colours, right limbs warm ones, by the annotation's own names; other "
        "annotations of the image are faint. A picture without an image stands on a grid.</p>\n"
        "<p>A share is of the records that the check looked at; its 95 % interval is Wilson's. A finding's "
        "score goes from 0 to 1 and ranks the findings of one check; 1 is a hard fact.</p>\n"
        "</section>\n</main>\n</body>\n</html>\n"
    )
