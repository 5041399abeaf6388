"""What operators need: alerts, backup, retention, metrics, server settings."""
