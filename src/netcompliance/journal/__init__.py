"""The journal: what a run leaves for machines, and what makes evidence of it.

`writer` writes it line by line, each linked to the one before it (`hash_chain`), after secrets were taken out
(`redact`). `reader` reads it back and checks it on the way; `decode` makes the nouns of its records again. `checksums`
sums up what a run leaves, and `signature` signs that.
"""

JOURNAL = "journal.jsonl"
"""What it is called in a run's directory."""
