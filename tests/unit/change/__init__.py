"""The change window: before, during, after."""
