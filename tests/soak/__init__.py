"""The soak: clients, catch-up, rebuilds and audits for as long as asked, while anything is killed at random."""
