"""Flows and flow connections."""
