"""The bundle: archives, folders and files, read as one row of members, never extracted, under limits.

`inputs` opens what the user gave; `unpack` tells by content what a stream is; `tar`, `zip`, `folder` and `compression`
know one kind each; `names` and `ledger` keep hostile names and what was not read; `layouts` guesses the node of a path.
"""

from pveforensics.bundle.inputs import Bundle, open_bundles
from pveforensics.bundle.layouts import node_hint
from pveforensics.bundle.limits import Limits
from pveforensics.bundle.loose import Reopened
from pveforensics.bundle.member import Member
from pveforensics.bundle.place import Job, Left

__all__ = ["Bundle", "Job", "Left", "Limits", "Member", "Reopened", "node_hint", "open_bundles"]
