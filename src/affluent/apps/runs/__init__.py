"""Runs as a trigger: tell somebody when a run of a flow ends and has not done what it should."""
