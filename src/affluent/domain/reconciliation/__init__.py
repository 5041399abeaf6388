"""The pure comparison of records of one period."""
