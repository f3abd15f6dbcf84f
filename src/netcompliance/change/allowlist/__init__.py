"""The allow-list: what a network team is asked for, from what was seen.

`flows` derives it from observations and merges journals; every other module writes it in a family of formats, and
`formats` is the table of them. All of it is pure.
"""
