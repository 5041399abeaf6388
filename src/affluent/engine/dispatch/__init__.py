"""How due runs reach the executor: embedded in one process, or over PostgreSQL to many."""
