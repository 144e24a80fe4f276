"""Decisions of reviewers: an append-only ledger, what stands of it, agreement, and its way between people."""
