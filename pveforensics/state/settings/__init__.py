"""Readers of configuration files, one kind each: what a node was told to do."""

from __future__ import annotations

from pveforensics.state.page import Reader
from pveforensics.state.settings import assignments, corosync_conf, guest_conf, interfaces, machine, mappings, sections

READERS: tuple[Reader, ...] = (
    Reader("corosync.conf", corosync_conf.score, corosync_conf.read),
    Reader("hostname", machine.score_hostname, machine.read_hostname),
    Reader("hosts", machine.score_hosts, machine.read_hosts),
    Reader("timezone", machine.score_timezone, machine.read_timezone),
    Reader("localtime", machine.score_localtime, machine.read_localtime),
    Reader("datacenter.cfg", sections.score_datacenter, sections.read_datacenter),
    Reader("section config", sections.score_sections, sections.read_sections),
    Reader(guest_conf.KIND, guest_conf.score, guest_conf.read),
    Reader(mappings.KIND, mappings.score, mappings.read),
    Reader(interfaces.KIND, interfaces.score, interfaces.read),
    Reader("assignments", assignments.score, assignments.read),
)
"""Tried in this order; of equal scores the first wins."""
