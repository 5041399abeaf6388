"""Which ids stand for one account in every system."""
