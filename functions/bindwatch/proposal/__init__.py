"""Proposed changes: what a Terraform plan or a policy file would make of an inventory."""

from bindwatch.proposal.edits import Edit, Step, Unknown
from bindwatch.proposal.effect import Outcome, take_effect
from bindwatch.proposal.files import steps_of_documents
from bindwatch.proposal.terraform import read_plan

__all__ = ["Edit", "Outcome", "Step", "Unknown", "read_plan", "steps_of_documents", "take_effect"]
