"""Admin Center."""
