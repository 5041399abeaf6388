"""Customers, accounts and identities."""
