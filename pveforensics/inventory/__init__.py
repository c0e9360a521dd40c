"""The inventory: what a bundle holds, what it lacks, and what to collect next time. `stock` counts, `text` and `document` draw."""

from pveforensics.inventory.document import to_document
from pveforensics.inventory.stock import Asked, Failed, Gap, Holding, Inventory, NodeStock, take_stock
from pveforensics.inventory.text import to_text

__all__ = ["Asked", "Failed", "Gap", "Holding", "Inventory", "NodeStock", "take_stock", "to_document", "to_text"]
