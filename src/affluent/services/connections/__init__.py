"""Connections to vendors and the apps they belong to."""
