"""What `kpaudit skeletons` prints and draws: the list, one skeleton, its figure, two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from queries import printing, skeleton_figure, skeletons
from queries.errors import UsageError
from queries.model import Skeleton
from queries.vocabulary import canonical_names, compare


def run(name: str | None, png: Path | None, pair: tuple[str, str] | None, out: TextIO) -> None:
    """The command: a list without a name, else one skeleton; `png` draws it, `pair` compares two.

    A name is a bundled skeleton's, or a JSON file in DataTorch's two fields.
    """
    if pair is not None:
        if name is not None or png is not None:
            raise UsageError("--compare takes two skeletons, and goes with neither NAME nor --png")
        compare_table(find(pair[0]), find(pair[1]), out)
    elif name is None:
        if png is not None:
            raise UsageError(f"--png draws one skeleton: name it, such as skeletons coco-17 --png {png}")
        list_table(out)
    elif png is None:
        describe(find(name), out)
    else:
        draw(find(name), png)
        out.write(f"{png}\n")


def find(name: str) -> Skeleton:
    """The bundled skeleton of that name, or the one in a JSON file at that path."""
    if name.lower().endswith(".json") and name not in skeletons.bundled():
        return skeletons.from_file(Path(name))
    return skeletons.get(name)


def list_table(out: TextIO) -> None:
    """The skeletons that ship with kpaudit, one a row."""
    rows = [
        (
            found.name,
            len(found.joints),
            len(found.bones),
            sigmas_word(found),
            "yes" if found.default_for_count else "no",
            found.title,
            _some_names(found),
        )
        for found in skeletons.bundled().values()
    ]
    columns = ["skeleton", "joints", "bones", "sigmas", "assumed without names", "title", "joint names"]
    printing.as_table(columns, rows, out)


def _some_names(skeleton: Skeleton) -> str:
    """The joints' names; of a long list, the first of them and how many more there are."""
    if len(skeleton.names) <= 32:
        return ", ".join(skeleton.names)
    return ", ".join(skeleton.names[:17]) + f" and {len(skeleton.names) - 17} more"


def sigmas_word(skeleton: Skeleton) -> str:
    """Whether all, some or none of the joints have a published OKS sigma."""
    have = sum(joint.sigma is not None for joint in skeleton.joints)
    return "yes" if have == len(skeleton.joints) else "some" if have else "no"


def describe(skeleton: Skeleton, out: TextIO) -> None:
    """One skeleton: where it comes from, its joints and its bones."""
    out.write(f"{skeleton.name}: {skeleton.title}\n")
    if skeleton.source:
        out.write(f"source: {skeleton.source}\n")
    told = skeleton.sigmas_source or "none are published; a check that needs them says what it takes instead"
    out.write(f"sigmas: {told}\n")
    if skeleton.in_use:
        out.write(f"in use: {len(skeleton.in_use)} of {len(skeleton.joints)} joints\n")
    if skeleton.names_note:
        out.write(f"note: {', '.join(skeleton.published_names)}: {skeleton.names_note}\n")
    out.write("\n")
    rows = []
    for index, (joint, shared) in enumerate(zip(skeleton.joints, canonical_names(skeleton), strict=True)):
        mirror = "" if joint.flip == index else skeleton.names[joint.flip]
        sigma = "" if joint.sigma is None else f"{joint.sigma:.8g}"
        used = "yes" if not skeleton.in_use or index in skeleton.in_use else "no"
        rows.append((index, joint.name, shared, mirror, joint.part or "", sigma, used))
    columns = ["joint", "name", "shared name", "mirror image", "part", "sigma", "in use"]
    keep = len(columns) if skeleton.in_use else -1
    printing.as_table(columns[:keep], [row[:keep] for row in rows], out)
    out.write("\n")
    bones = [(f"{a}-{b}", skeleton.names[a], skeleton.names[b]) for a, b in skeleton.bones]
    printing.as_table(["bone", "from", "to"], bones, out)


def draw(skeleton: Skeleton, file: Path) -> None:
    """Writes the skeleton's figure. Raises UsageError where the file can't be written."""
    try:
        file.write_bytes(skeleton_figure.png(skeleton))
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror or error}") from error


def compare_table(a: Skeleton, b: Skeleton, out: TextIO) -> None:
    """Two skeletons side by side: the joints of both, then those of one only, then what looks alike."""
    found = compare(a, b)
    own_a, own_b = (dict(zip(canonical_names(s), s.names, strict=True)) for s in (a, b))
    at_a, at_b = ({name: i for i, name in enumerate(canonical_names(s))} for s in (a, b))

    def said(name: str, own: dict[str, str], at: dict[str, int]) -> str:
        return f"{at[name]}  {own[name]}" if name in own else ""

    rows = [(name, said(name, own_a, at_a), said(name, own_b, at_b), "both") for name, _, _ in found.shared]
    rows += [(name, said(name, own_a, at_a), "", f"only {a.name}") for name in found.only_a]
    rows += [(name, "", said(name, own_b, at_b), f"only {b.name}") for name in found.only_b]
    out.write(
        f"{a.name} and {b.name}: {len(found.shared)} joints in both, {len(found.only_a)} only in {a.name}, "
        f"{len(found.only_b)} only in {b.name}\n\n"
    )
    printing.as_table(["joint", a.name, b.name, "in"], rows, out)
    if found.close:
        out.write("\nclose, but not the same joint:\n\n")
        close = [(said(x, own_a, at_a), said(y, own_b, at_b), why) for x, y, why in found.close]
        printing.as_table([a.name, b.name, "why"], close, out)
