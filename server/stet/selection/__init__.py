"""Which arm answers, and when an adapter must go. Pure: chance and time are arguments."""

from stet.selection.arms import Choice, Sticky, choose
from stet.selection.rollback import rollback_reason

__all__ = ["Choice", "Sticky", "choose", "rollback_reason"]
