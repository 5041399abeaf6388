"""Hostile input without end: webhooks, headers, expressions, files of flows, forms. A little always, a lot in `make fuzz`."""
