"""Where verdicts are told: the journal for machines, the terminal and the HTML page for people.

Everything that reaches a file or a screen goes through `redact`; what a network sent is cleaned of characters that a
terminal obeys, and escaped in HTML.
"""
