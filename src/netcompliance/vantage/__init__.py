"""Vantages: what is to be looked at (`plan`), from this machine (`local`) and as a workstation (`workstation`), all of
it in one go (`visit`). What chains lead to is read afterwards from what was seen (`x509`).
"""
