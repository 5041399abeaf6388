"""Togai, and this server's own billing workspace, which speaks its dialect."""
