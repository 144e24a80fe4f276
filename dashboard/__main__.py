"""`python -m dashboard`: starts Streamlit on app.py with kpaudit's options, on this machine's own address."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from functools import partial
from pathlib import Path

from streamlit.web import cli as streamlit_cli

from dashboard.theme import STREAMLIT_OPTIONS

ADDRESS = "127.0.0.1"
_PORTS_TRIED = 50

#: What the pages import, the slowest first.
_USED = ("pandas", "plotly.graph_objects", "streamlit.elements.plotly_chart", "pyarrow", "dashboard.charts")


def free_port(wanted: int) -> int:
    """The first port from `wanted` on that nothing listens on. Raises OSError where there is none near."""
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65536)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ADDRESS, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {wanted} and {wanted + _PORTS_TRIED - 1}")


def _open_when_ready(url: str) -> None:
    for _ in range(150):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                webbrowser.open(url)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)


def warm_up(ended: threading.Event) -> None:
    """Does beforehand what the first page would wait for: its imports, and what it says of a whole dataset.

    Whatever goes wrong goes wrong again on the page, which says so. Stops soon after `ended` is set.
    """
    with contextlib.suppress(Exception):
        for name in _USED:
            importlib.import_module(name)
        from dashboard import advice, data  # noqa: PLC0415  as late as the others

        dataset = data.datasets()[0]
        everything = data.Filters(dataset["dataset_id"])
        for step in (
            partial(data.frame, "facets", dataset=everything.dataset),
            *(partial(data.frame, name, everything) for name in ("selection", "finding_checks")),
            partial(data.frame, "overview_totals", everything),
            partial(data.published, dict(dataset)),
            partial(advice.facts_of, everything.dataset),
        ):
            if ended.is_set():
                return
            with contextlib.suppress(Exception):
                step()


def main() -> None:
    """Parses --port and --no-browser and hands over to Streamlit."""
    parser = argparse.ArgumentParser(prog="kpaudit serve")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    try:
        port = free_port(options.port)
    except OSError as error:
        sys.stderr.write(f"kpaudit: {error}\n")
        sys.exit(2)
    url = f"http://{ADDRESS}:{port}"
    print(f"kpaudit dashboard: {url}  (Ctrl-C ends it)", flush=True)
    if not options.no_browser:
        threading.Thread(target=_open_when_ready, args=(url,), daemon=True).start()
    ended = threading.Event()
    warming = threading.Thread(target=warm_up, args=(ended,), daemon=True)
    warming.start()
    flags = {**STREAMLIT_OPTIONS, "server.address": ADDRESS, "server.port": port, "server.headless": True}
    sys.argv = ["streamlit", "run", str(Path(__file__).with_name("app.py"))]
    for name, value in flags.items():
        sys.argv.append(f"--{name}={str(value).lower() if isinstance(value, bool) else value}")
    try:
        streamlit_cli.main()
    finally:
        # a thread that is in the middle of a query when Python ends takes the process down with it
        ended.set()
        warming.join(30)


if __name__ == "__main__":
    main()
