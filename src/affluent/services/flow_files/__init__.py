"""Flows and connections as YAML files: export, plan, apply."""
