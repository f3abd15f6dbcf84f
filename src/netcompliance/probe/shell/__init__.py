"""The probe for hosts without a fitting Python: one POSIX shell program."""
