"""Starts flows by the clock."""
