"""Where verdicts are told: `terminal` and `html` for people, and `export` for other programs.

Everything that reaches a file or a screen is redacted; what a network sent is cleaned of characters that a terminal
obeys, and escaped in HTML.
"""
