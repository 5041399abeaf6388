"""Apps and connections."""
