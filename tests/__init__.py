"""The tests, importable from each other as `tests.…`."""
