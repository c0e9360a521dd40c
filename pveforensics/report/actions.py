"""Which events stand for something that was done, by a person or by automation in a person's stead."""

from __future__ import annotations

PEOPLE = (
    "task.start", "task.guest_action", "crm_command", "clean_reboot_requested", "clean_poweroff_requested", "clean_kexec_requested",
    "power_button_pressed", "corosync_config_reload", "pmxcfs_corosync_conf_written", "lock.manual_unlock", "auth.success", "sysrq_reboot",
    "node_reboot_requested", "node_poweroff_requested", "node_shutdown_requested",
)  # fmt: skip
"""Kinds of such events, beside all changes."""


def acts(kind: str) -> bool:
    """True for an event that a person, or automation, stands behind."""
    return kind in PEOPLE or kind.startswith("change.")
