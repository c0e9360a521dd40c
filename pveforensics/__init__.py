"""Proxmox VE cluster post-mortems from a support bundle."""

__version__ = "0.1.0"
