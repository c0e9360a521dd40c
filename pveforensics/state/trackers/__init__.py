"""Trackers: each makes intervals of one kind from the view."""
