"""The options that several commands of `kpaudit` take, and their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

WorkspaceDir = Annotated[
    Path, typer.Option("--workspace", metavar="DIR", help="Where the index and the reviews live.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Port = Annotated[int, typer.Option("--port", help="The dashboard's port; the next free one if it is taken.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Print the address, open nothing.")]
Reviews = Annotated[
    str | None,
    typer.Option(
        "--reviews", metavar="FILE|URL", help="The review store; else reviews.sqlite in the workspace."
    ),
]
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders or annotation files.")]
Images = Annotated[
    Path | None, typer.Option("--images", metavar="DIR|ZIP", help="Where the images are, if not beside.")
]
Name = Annotated[str | None, typer.Option("--name", help="The dataset's name; else its folder's.")]
Format = Annotated[str, typer.Option("--format", help="auto, or a format of `kpaudit formats`.")]
Split = Annotated[
    str | None, typer.Option("--split", help="The split of all images, whatever the files say.")
]
SkeletonFile = Annotated[
    Path | None,
    typer.Option("--skeleton", metavar="FILE", help='{"keypoints": [names], "skeleton": [[1, 2], ...]}'),
]

ReportFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there; - is stdout.")]

DEFAULT_WORKSPACE = Path(".kpaudit")
DEFAULT_PORT = 8501
