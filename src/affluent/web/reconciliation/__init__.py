"""Reconciliation, why an amount, ledger."""
