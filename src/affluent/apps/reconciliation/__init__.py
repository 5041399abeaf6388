"""Reconciliation as a trigger: tell somebody when the nightly statement leaves money unexplained."""
