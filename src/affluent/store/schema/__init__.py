"""Migrations, and whether a database fits this release."""
