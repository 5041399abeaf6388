"""Use cases, one module per noun. Each owns its transaction; none calls a vendor inside one."""
