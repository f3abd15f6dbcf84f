"""Exports, held against journals made by hand, and read back by the field's own tools."""
