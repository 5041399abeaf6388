"""FirstPromoter: affiliate tracking. Sign-ups, sales, refunds and cancellations are tracked; promoters are managed."""
