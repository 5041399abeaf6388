"""The rules, pure: flows, runs, events, mapping, retries. No input or output happens here."""
