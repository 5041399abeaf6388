"""The `affluent` command."""

from affluent.cli.main import main

__all__ = ["main"]
