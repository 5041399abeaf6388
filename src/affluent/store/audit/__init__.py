"""The audit log: written with each change, chained, append-only."""
