"""Errors that a user can act on: one clear sentence each, no traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class KpauditError(Exception):
    """Anything that ends a command with exit code 2 and one line on stderr."""


class UsageError(KpauditError):
    """The command was asked for something that does not exist or does not fit together."""


class UnreadableInput(KpauditError):
    """Nothing could be read from a path that was to be indexed."""


class UnknownFormat(UnreadableInput):
    """No reader recognises a path; the message says what was seen there."""


class SkeletonError(KpauditError):
    """A skeleton file does not describe a skeleton."""


class WorkspaceError(KpauditError):
    """The workspace can't be written, or holds no index."""


class QueryError(KpauditError):
    """A query of the user's was refused, failed, or ran out of its limits."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` (did you mean 'box-zero-area'?)` where one of the known names is nearly it; else nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f" (did you mean {close[0]!r}?)" if close else ""


def unknown_name(what: str, name: str, known: list[str]) -> UsageError:
    """An error for a name that is not known, which lists the ones that are."""
    listed = ", ".join(sorted(known)) if known else "none"
    return UsageError(f"there is no {what} called {name!r}{did_you_mean(name, known)}; known: {listed}")
