"""Webhooks of any product, in and out."""
