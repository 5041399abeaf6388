"""The tables of the billing workspace."""
