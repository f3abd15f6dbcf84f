"""Vantages: which hosts there are (`hosts`), what is to be looked at there (`plan`), and looking: once (`visit`) or all
through a change window (`watch`).

A host is reached by a process on this machine (`probe_process`, `control_connection`) and may say no more than
`admission` allows; why one could not be visited is `diagnosis`'s to say. `workstation` is what only this machine can
look at. What chains lead to is read afterwards from what was seen (`x509`).
"""
