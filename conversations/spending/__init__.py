"""Money: the ledger, budgets, what is held before a call and charged after it."""
