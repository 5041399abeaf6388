"""Requests to any HTTP API."""
