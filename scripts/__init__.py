"""What a developer runs now and then; not in the wheel."""
