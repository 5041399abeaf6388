"""Money: facts are recorded as they come, and positions of sales decide what is told to vendors."""
