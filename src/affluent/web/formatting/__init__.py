"""How values are written for people: money, times, JSON, charts."""
