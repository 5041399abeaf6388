"""The flow editor: drafts changed by forms, data to insert, fields with their live values."""
