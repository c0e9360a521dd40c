"""Everything pveforensics raises on purpose.

PveForensicsError
 +- UsageError         the command line, an option or a configuration: exit 2
 +- RulePackError      a rule file; the message always begins with file:line: exit 2
 +- InputError         the bundle cannot be opened or holds nothing we know: exit 3

A damaged member, an undecodable line or a failing tracker is not an exception
but a note in the case: a post-mortem with a hole beats no post-mortem.
"""


class PveForensicsError(Exception):
    """Root of all errors whose message is meant for the user: one line, what, where and what to do."""


class UsageError(PveForensicsError):
    """The call is wrong: an option, a time, a path that does not exist, bundles that disagree."""


class RulePackError(PveForensicsError):
    """A rule file breaks the rule format; the message names file and line."""


class InputError(PveForensicsError):
    """No input could be opened, or none of its files was recognized."""
