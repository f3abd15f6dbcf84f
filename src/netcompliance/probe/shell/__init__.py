"""The probe for hosts without a fitting Python: one POSIX shell program, in parts, with two programs for awk.

It yields the same observations as `onhost`, as far as the host's own tools can truly see; what they cannot is left out
and said in an `unseen` record. `shell` puts parts and plan together. `base.sh` has the rules for all parts.
"""
