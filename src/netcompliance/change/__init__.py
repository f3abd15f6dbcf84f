"""The change window: what to ask for before, what to watch during, what to compare after."""
