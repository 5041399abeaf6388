"""The billing workspace: customers, accounts, settings, price plans, invoices, payments, credits.

Every change and the event that tells of it are one transaction.
"""

from affluent.billing.workspace import Billing

__all__ = ["Billing"]
