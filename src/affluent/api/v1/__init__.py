"""REST API version 1: one module per noun. `api` assembles them."""

from __future__ import annotations

from affluent.api.v1.application import api

__all__ = ["api"]
