"""Pages, one module per noun; each has `routes(site)`."""
