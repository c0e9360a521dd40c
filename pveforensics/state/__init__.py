"""Intervals, boots, partitions and beliefs made from events, settings and dumps."""
