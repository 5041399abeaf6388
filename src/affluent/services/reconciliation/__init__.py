"""Reconciliation of billing, tracker and gateway, and repair."""
