"""E-mail through any SMTP server."""
