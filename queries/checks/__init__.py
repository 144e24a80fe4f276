"""The checks: one file each, SQL or Python, named by their slugs; see catalogue.py for what they declare."""
