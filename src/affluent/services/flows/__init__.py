"""Flows: drafts, versions, flow connections, preview."""
