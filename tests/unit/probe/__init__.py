"""The probes, against peers on loopback: what they see, and what they say of it."""
