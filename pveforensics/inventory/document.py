"""The inventory as a document: schema `pveforensics.inventory/1`, described in docs/inventory.md."""

from __future__ import annotations

from typing import Any

from pveforensics.inventory.stock import Asked, Gap, Inventory, NodeStock
from pveforensics.timebase import Instant

SCHEMA = "pveforensics.inventory/1"


def to_document(inventory: Inventory) -> dict[str, Any]:
    """Plain dictionaries, lists, texts and numbers, with every key of the schema present."""
    options, cluster = inventory.options, inventory.cluster
    chosen = {"timezone": options.timezone, "year": options.year, "rules": list(options.rules)}
    return {
        "schema": SCHEMA,
        "generator": {
            "name": "pveforensics",
            "version": inventory.version,
            "rules_sha256": inventory.rules_sha256,
            "options": {name: value for name, value in chosen.items() if value},
            "now": options.now,
        },
        "complete": inventory.complete,
        "bundles": [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in inventory.bundles],
        "cluster": {
            "name": cluster.name,
            "nodes": [member.name for member in cluster.members],
            "expected_votes": cluster.expected_votes,
            "quorum": cluster.quorum,
            "qdevice": cluster.qdevice,
        },
        "nodes": [_node(node) for node in inventory.nodes],
        "sources": [
            {
                "path": each.path,
                "node": each.node,
                "kind": each.kind,
                "size": each.size,
                "sha256": each.sha256,
                "lines": each.lines,
                "first": _time(each.first),
                "last": _time(each.last),
            }
            for each in inventory.sources
        ],
        "not_read": [{"path": each.path, "reason": each.reason, "damage": each.damage} for each in inventory.not_read],
        "collect": [_asked(each) for each in inventory.asked],
        "notes": list(dict.fromkeys(inventory.notes)),
    }


def _time(moment: Instant | None) -> str | None:
    return moment.iso() if moment is not None else None


def _node(node: NodeStock) -> dict[str, Any]:
    return {
        "name": node.name,
        "nodeid": node.nodeid,
        "member": node.member,
        "in_bundle": node.has_log,
        "files": node.files,
        "timezone": node.clock.timezone,
        "timezone_basis": node.clock.timezone_basis,
        "year_basis": node.clock.year_basis,
        "coverage": [{"start": start.iso(), "end": end.iso()} for start, end in node.coverage],
        "whole": [{"start": start.iso(), "end": end.iso()} for start, end in node.whole],
        "gaps": [_gap(gap) for gap in node.gaps],
        "boots": [boot.iso() for boot in node.boots],
        "kinds": [
            {
                "kind": each.kind,
                "files": each.files,
                "size": each.size,
                "lines": each.lines,
                "first": _time(each.first),
                "last": _time(each.last),
            }
            for each in node.holdings
        ],
        "failed": [{"what": each.what, "outcome": each.outcome, "why": each.why} for each in node.failed],
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {"start": gap.start.iso(), "end": gap.end.iso(), "seconds": round(gap.end.seconds_since(gap.start), 3), "boot_follows": gap.boot}


def _asked(asked: Asked) -> dict[str, Any]:
    want = asked.want
    return {
        "id": want.id,
        "node": asked.node or None,
        "what": want.what,
        "question": want.question,
        "why": want.why,
        "command": asked.command,
        "decisive": want.decisive,
    }
