"""What PVE tasks do, by the type in their UPID: one place for who reads them from lines and who concludes from them."""

from __future__ import annotations

STARTS = frozenset({"qmstart", "vzstart"})
"""Tasks after whose end a guest runs (UPID types of qemu-server and pve-container)."""

ENDS = frozenset({"qmstop", "qmshutdown", "vzstop", "vzshutdown"})
"""Tasks after whose end a guest is down."""

MOVES = frozenset({"qmigrate", "vzmigrate"})
"""Tasks after whose end a guest is on another node."""

CONSOLES = frozenset({"vncproxy", "vncshell", "termproxy", "spiceproxy", "spiceshell", "vncwebsocket", "aptupdate"})
"""Consoles, and the list of updates: nothing is done to a guest or a node. They end in error whenever somebody closes a window, or the network is slow."""
