"""Razorpay: payments, payment links, invoices, refunds and their webhooks."""
