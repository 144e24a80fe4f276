"""What the command line hands to Streamlit as `--key value`: local only, quiet, and our colours."""

from __future__ import annotations

#: Streamlit options for `kpaudit serve`. The address is this machine alone: the dashboard has no login.
STREAMLIT_OPTIONS: dict[str, str | bool | int] = {
    "server.address": "127.0.0.1",
    "server.headless": True,
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "theme.light.primaryColor": "#0072b2",
    "theme.dark.primaryColor": "#4aa3dc",
}
