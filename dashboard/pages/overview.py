"""The dataset's card: what it holds, what was read and what could not be, what to do next."""

import streamlit as st

from dashboard import advice, data, findings_list, published, show, state
from dashboard.data import SEVERITIES, Filters, Narrow
from dashboard.state import Door
from dashboard.text import clean, count, md, share, size

_LIMIT = 500
_WORST = 6  # checks that the page leads with; the Findings page has them all


def _card(now: state.Current) -> None:
    d = now.dataset
    totals = data.frame("overview_totals", now.filters).iloc[0]
    places = st.grid(5, min_column_width=120)
    for name in ("images", "annotations", "keypoints", "subjects", "classes"):
        missing = name == "subjects" and not d["subjects_recorded"]
        places.metric(
            {"keypoints": "Labelled keypoints"}.get(name, name.capitalize()),
            "–" if missing else f"{totals[name]:,}",
            help="This dataset records no subject ids." if missing else None,
        )
    flag = (
        "recorded: 0 not labelled, 1 occluded, 2 visible"
        if now.recorded
        else "not recorded by this format: a joint that is given is neither called visible nor occluded"
    )
    unit = "pixels" if d["unit"] == "pixel" else "normalized: shares of the image's width and height"
    lines = [
        ("Format", d["format"]),
        ("Root", d["root"]),
        ("Images", d["image_root"] or "looked for under the root"),
        ("Coordinates", unit),
        ("Visibility", flag),
        ("Indexed", f"{d['indexed_at']:%Y-%m-%d %H:%M} UTC, in {d['seconds'] or 0:.1f} s"),
    ]
    st.markdown("\n".join(f"- {name}: **{md(value)}**" for name, value in lines))
    for note in d["notes"] or []:
        st.info(f"Assumed: {md(note)}", icon=":material/lightbulb:")


def _worst(now: state.Current) -> None:
    """What the audit found of the whole dataset, the gravest checks first, each a door."""
    st.subheader("What matters most", anchor=False)
    everything = Filters(now.filters.dataset)
    frame = data.frame("finding_checks", everything)
    if frame.empty:
        st.info(
            "Not audited since it was indexed: `kpaudit audit` runs the checks, then reload this page.",
            icon=":material/rule:",
        )
        return
    found = frame[frame["open"] > 0]
    counts = frame.groupby("severity")["open"].sum()
    said = " · ".join(findings_list.severity(name, int(counts.get(name, 0))) for name in SEVERITIES)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(said, width="content")
        st.button(
            "All findings", icon=":material/flag:", key="worst_all", on_click=state.open_next,
            args=(Door(everything, page="findings"),),
        )  # fmt: skip
    if found.empty:
        findings_list.no_open(frame, "")
    else:
        for name, rows in findings_list.kinds(frame).items():
            if name in ("failed to run", "not run since the dataset was indexed"):
                told = f"{count(len(rows), 'check')} {name}: what they would find is not known."
                st.warning(told, icon=":material/bug_report:")
    for row in found.head(_WORST).to_dict("records"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", wrap=False):
            st.button(
                f"{row['open']:,}", key=f"worst_{row['check_id']}", help="See them", on_click=state.open_next,
                args=(Door(everything, page="findings", check=row["check_id"]),),
            )  # fmt: skip
            st.markdown(
                f"{findings_list.severity(row['severity'])} **{md(row['title'])}** "
                f"({md(row['check_id'])}{_of(row)})", width="stretch",
            )  # fmt: skip
    if len(found) > _WORST:
        st.caption(f"And {count(len(found) - _WORST, 'more check')} with findings.")


def _of(row: dict) -> str:
    """Of how many records, where they can be counted."""
    if not row["records"] or row["flagged"] != row["flagged"] or row["flagged"] > row["records"]:
        return ""
    return f", {share(row['flagged'], row['records'])} of {int(row['records']):,} {md(row['unit'])}"


def _splits(now: state.Current) -> None:
    st.subheader("By split", anchor=False)
    frame = data.frame("overview_splits", now.filters)
    hidden = [name for name in ("united", "subjects") if not frame[name].any()]
    show.table(
        frame, "overview_splits", empty="No image is selected.", hidden=tuple(hidden),
        columns={
            "with_keypoints": st.column_config.NumberColumn("with keypoints", format="localized"),
            "united": st.column_config.NumberColumn("united boxes", format="localized"),
            **{n: st.column_config.NumberColumn(n, format="localized")
               for n in ("images", "annotations", "keypoints", "subjects", "classes")},
        },
        caption="Annotations are instances; boxes around two hands (united) are counted apart."
        if "united" not in hidden else "",
        on_click=lambda row: Door(now.filters.with_(splits=(row["split"],))),
    )  # fmt: skip


def _published(now: state.Current) -> None:
    comparison = data.published(dict(now.dataset))
    if comparison is None:
        return
    st.subheader("Beside what is published", anchor=False)
    everything = Filters(now.filters.dataset)
    present = data.frame("overview_splits", everything)["split"].tolist()
    for line in published.words(comparison):
        st.markdown(line)
    show.table(
        published.table(comparison), "published", empty="No published counts of it are known here.",
        columns={
            "published": st.column_config.TextColumn("published", alignment="right"),
            "found": st.column_config.NumberColumn("found", format="localized"),
            "share": st.column_config.TextColumn("share", alignment="right"),
        },
        height="content", caption=published.source(comparison.card),
        on_click=lambda row: published.door(comparison, row["split"], everything, present),
    )  # fmt: skip


def _next(now: state.Current) -> None:
    st.subheader("What to do next", anchor=False)
    facts = advice.facts_of(now.filters.dataset)
    found = advice.suggest(now, facts, data.images_found(dict(now.dataset)))
    if not found:
        st.success("Nothing stands out: all files were read, and no subject or image is in two splits.")
    for i, item in enumerate(found):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(f"{i + 1}. {item.text}", width="stretch")
            if item.door is not None:
                st.button(item.label, key=f"advice_{i}", on_click=state.open_next, args=(item.door,))


def _sources(now: state.Current) -> None:
    st.subheader("What was read, and what could not be", anchor=False)
    number = now.filters.dataset
    status = data.frame("source_status", dataset=number)
    words = {"read": "read whole", "tolerant": "read, with bad records set aside", "unreadable": "unreadable",
             "skipped": "not taken for annotations"}  # fmt: skip
    st.markdown(", ".join(
        f"**{count(row.files, 'file')}** {words.get(row.status, md(row.status))} ({size(row.bytes)})"
        for row in status.itertuples()
    ) + ".")  # fmt: skip
    trouble = data.frame("source_trouble", dataset=number, limit=_LIMIT)
    if not trouble.empty:
        show.table(trouble, "source_trouble", empty="", hidden=("split",),
                   on_click=lambda row: Door(Filters(number), Narrow(file=row["path"])))  # fmt: skip
    kinds = data.frame("problem_kinds", dataset=number)
    if kinds.empty:
        st.success("No record had a problem.", icon=":material/check:")
        return
    st.markdown("**Problems by kind**")
    show.table(
        kinds, "problem_kinds", empty="",
        caption=f"{count(kinds['problems'].sum(), 'problem')} in all, of the whole dataset.",
        on_click=lambda row: Door(Filters(number), Narrow(problem=row["kind"])),
    )  # fmt: skip
    kind = st.selectbox("Every record with a problem of kind", kinds["kind"].tolist(), format_func=clean)
    listed = data.frame("problem_list", dataset=number, kind=kind, limit=_LIMIT)
    total = int(kinds.loc[kinds["kind"] == kind, "problems"].iloc[0])
    show.table(
        listed, "problem_list", empty="None.", hidden=() if listed["image"].notna().any() else ("image",),
        caption=f"The first {len(listed):,} of {total:,}." if total > len(listed) else "",
        on_click=lambda row: Door(
            Filters(number), Narrow(problem=kind), row["image"] if isinstance(row["image"], str) else None
        ),
    )  # fmt: skip


def _compare() -> None:
    st.subheader("All datasets of the workspace", anchor=False)
    frame = data.frame("datasets")
    ids = {row["name"]: row["dataset_id"] for row in data.datasets()}
    show.table(
        frame, "datasets", empty="", columns={
            "visibility_recorded": st.column_config.CheckboxColumn("visibility flag"),
            "indexed_at": st.column_config.DatetimeColumn("indexed (UTC)", format="YYYY-MM-DD HH:mm"),
            **{n: st.column_config.NumberColumn(n, format="localized")
               for n in ("images", "annotations", "keypoints", "subjects", "classes", "splits", "problems")},
        },
        on_click=lambda row: Door(Filters(ids[row["name"]]), page="overview"),
        hint="Choose a row to open the dataset.",
    )  # fmt: skip


def _page() -> None:
    show.header("Overview")
    now = state.current()
    _worst(now)
    st.subheader("The dataset", anchor=False)
    _card(now)
    _splits(now)
    _published(now)
    _next(now)
    _sources(now)
    if len(data.datasets()) > 1:
        _compare()


_page()
