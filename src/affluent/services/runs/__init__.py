"""Runs and events as they are listed, shown, resumed and replayed."""
