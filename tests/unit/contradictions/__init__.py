"""Journals in which one place contradicts another, and each is to be told."""
