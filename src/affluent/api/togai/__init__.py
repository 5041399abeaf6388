"""The billing workspace in Togai's REST dialect: the vendor's own client works with it unchanged."""

from affluent.api.togai.application import togai_routes

__all__ = ["togai_routes"]
