"""The journal: written, redacted, linked, summed up, and read back."""
