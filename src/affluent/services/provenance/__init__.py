"""Why an amount is what it is, and proof that the records are unaltered."""
