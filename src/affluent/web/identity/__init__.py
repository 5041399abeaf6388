"""Sign-in, own account, preferences."""
