"""The probe: a program that looks, on whatever machine it is put, and says what it saw.

`onhost` is that program: standard library only, syntax and library of Python 3.6 to 3.14. `shell` is its stand-in on
hosts without a Python that fits. `bundle` makes of program, plan and key what a host is sent on standard input, behind
one short command. Nothing in here has an opinion about what was seen.
"""
