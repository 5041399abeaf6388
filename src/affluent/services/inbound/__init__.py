"""How events come in: webhooks, polls, schedules, and what watches them."""
