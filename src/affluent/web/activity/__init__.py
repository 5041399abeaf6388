"""Activity: runs and deliveries."""
