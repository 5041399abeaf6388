"""Steps that wait or stop."""
