"""The change window: what to ask for before (`allowlist`), and what to compare after.

`baseline` and `archive` read journals; `compare`, `drift`, `facts` and `history` decide by what those say, and are
pure, as are the modules that put it into words: `wording`, `text`, `markdown`, `page`, `picture` and `record`. Nothing
here uses a network or a terminal.
"""
