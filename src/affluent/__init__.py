"""Affluent: a self-hosted integration hub for billing."""
