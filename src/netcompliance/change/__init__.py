"""The change window: what to ask for before, what to watch during, what to compare after.

What decides is pure: it works on observations and settings, and knows neither files nor terminals.
"""
