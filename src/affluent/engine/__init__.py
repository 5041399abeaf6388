"""Executes flows: intake, executor, journal, dispatch, limits, recovery."""
