"""Helpers that know nothing of billing: clock, ids, JSON, money, logging, network."""
