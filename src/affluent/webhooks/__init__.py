"""Where a vendor's webhook enters."""
