"""What happens when a record is written: checks, derived values, links and balances."""
