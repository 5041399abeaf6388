"""Slack, through incoming webhooks."""
