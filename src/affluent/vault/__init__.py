"""Where secrets are encrypted: envelopes, the master key, rotation."""
