"""Rules for the resource hierarchy: projects and folders moved, deleted or brought back, and liens lifted."""

from collections.abc import Iterator
from typing import Final

from bindwatch.inventory.hierarchy import Organization
from bindwatch.model.change import Run, remedy
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Context, Match, Outcome, log_rule
from bindwatch.rules.methods import CRM, activity
from bindwatch.rules.weight import is_second_half, weighed


def _subject(entry: LogEntry) -> str:
    name = entry.raw_resource_name or entry.request.text("name") or entry.scope
    if entry.resource_type == "project" and entry.project:
        return f"projects/{entry.project}"
    return name if name.startswith(("projects/", "folders/", "liens/")) else f"projects/{name}"


@log_rule(
    "project-moved",
    Severity.HIGH,
    Category.THREAT,
    # v3 is spelled like its RPC in real entries and like its REST method in Google's list: both are read.
    methods=activity(CRM, "*MoveProject", "*projects.move", "*MoveFolder", "*folders.move", "UpdateProject"),
    outcome=Outcome.ANY,
    techniques=["T1666", "T1562"],
    equivalents=["stratus:gcp.defense-evasion.remove-project-from-organization"],
)
def project_moved(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A project or folder was moved, or somebody tried to move it.

    ## Why it matters
    A move changes everything that is inherited at once, without one IAM entry: roles of the new parent arrive, roles,
    deny policies, organization policies, audit settings and sinks of the old one go. A project moved to another
    organization takes its data with it.

    ## What to do
    Move it back, then compare who has access before and after.

    ## Known false positives
    A planned reorganization. Name the automation that does it in the settings. `UpdateProject` writes the whole
    project, its parent included, to set a label: it is told only where something shows a move, and as LOW where nothing
    tells.

    ## Blind spots
    The parent before the move is not in the entry.
    """
    if is_second_half(entry):
        return
    request = entry.request
    parent = request.text("destinationParent") or _parent(entry)
    is_sure = True
    if entry.method.endswith("UpdateProject"):
        moved = _is_moved_by_update(entry, parent, context) if parent else False
        if moved is False:
            return
        is_sure = moved is True
    parent = parent or "an unknown parent"
    subject = _subject(entry)
    leaves = _leaves(parent, context)
    severity = Severity.HIGH if leaves or parent == "an unknown parent" else Severity.MEDIUM
    severity = severity if is_sure or leaves else Severity.LOW
    verb = "tried to move" if entry.failed else "moved"
    kind = "folders" if subject.startswith("folders/") else "projects"
    group = "resource-manager folders" if kind == "folders" else "beta projects"
    flag = "organization" if parent.startswith("organizations/") else "folder"
    yield Match(
        subject=f"{subject} to {parent}",
        title=f"{entry.caller_name} {verb} {subject} to {parent}" + (", outside this organization" if leaves else ""),
        severity=weighed(min(severity, Severity.MEDIUM) if entry.failed else severity, entry, context),
        confidence=Confidence.HIGH if is_sure else Confidence.LOW,
        notes=(
            *(() if is_sure else ("The entry shows the parent it has now, which may be the one it had.",)),
            *(() if entry.failed else (f"gcloud {group} move can return it: give the --{flag} it had before",)),
        ),
    )


def _is_moved_by_update(entry: LogEntry, parent: str, context: Context) -> bool | None:
    """Whether an update of a whole project gave it another parent; None where nothing tells."""
    checked = {check.permission for check in entry.permissions}
    if checked & _OF_MOVES:
        return True
    project = context.inventory.project(entry.project) if context.inventory is not None else None
    if project is not None and project.parent and not project.parent.endswith(f"/{parent}"):
        return True
    return False if checked else None


# What is checked of a new parent.
_OF_MOVES: Final = frozenset({"resourcemanager.projects.move", "resourcemanager.projects.create"})


def _parent(entry: LogEntry) -> str:
    parent = entry.request.document("project.parent")
    kind, name = parent.text("type"), parent.text("id")
    return f"{kind}s/{name}" if kind in ("folder", "organization") and name else ""


def _leaves(parent: str, context: Context) -> bool:
    if context.inventory is None or not parent.startswith("organizations/"):
        return False
    known = context.inventory.all(Organization)
    return bool(known) and not any(item.name.endswith(parent) for item in known)


@log_rule(
    "project-deleted",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(
        CRM,
        *("DeleteProject", "*.DeleteProject", "*projects.delete"),  # without a dot, * is Un, too
        *("DeleteFolder", "*.DeleteFolder", "*folders.delete"),
    ),
    techniques=["T1485", "T1531"],
)
def project_deleted(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A project or folder was marked for deletion.

    ## Why it matters
    Its service accounts stop working at once, wherever they are used, and so do the identity pools in it. After thirty
    days the data, the logs and the findings about them are gone.

    ## What to do
    If nobody meant it, restore it within thirty days.

    ## Known false positives
    Sandboxes that expire: name the automation that removes them in the settings.

    ## Blind spots
    The entry is in the log of the parent, not of the project: a sink on the project alone never shows it.
    """
    if is_second_half(entry):
        return
    subject = _subject(entry)
    name = subject.rpartition("/")[2]
    group = ("resource-manager", "folders") if subject.startswith("folders/") else ("projects",)
    yield Match(
        subject=subject,
        title=f"{subject} was marked for deletion by {entry.caller_name}",
        severity=weighed(Severity.MEDIUM, entry, context),
        remediation=remedy("Restore it within thirty days", Run(("gcloud", *group, "undelete", name))),
    )


@log_rule(
    "project-restored",
    Severity.LOW,
    Category.HYGIENE,
    methods=activity(CRM, "*UndeleteProject", "*projects.undelete", "*UndeleteFolder", "*folders.undelete"),
    techniques=["T1098"],
)
def project_restored(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A deleted project or folder was restored.

    ## Why it matters
    With it come back its service accounts, keys and bindings, as they were: access that everybody took for gone.

    ## What to do
    Audit the project before it is used again.

    ## Known false positives
    Undoing a deletion by mistake.

    ## Blind spots
    Some resources come back later than others, and some do not.
    """
    if is_second_half(entry):
        return
    subject = _subject(entry)
    yield Match(
        subject=subject,
        title=f"{subject} was restored by {entry.caller_name}, with the access it had",
        severity=weighed(Severity.LOW, entry, context),
    )


@log_rule(
    "lien-removed",
    Severity.MEDIUM,
    Category.THREAT,
    methods=activity(CRM, "*DeleteLien", "*liens.delete"),
    techniques=["T1562"],
)
def lien_removed(entry: LogEntry, context: Context) -> Iterator[Match]:
    """A lien that kept a project from being deleted was removed.

    ## Why it matters
    A lien is the last catch before a project with shared identities is deleted. Shared VPC hosts and projects whose
    service accounts others use carry one for that reason.

    ## What to do
    Create the lien again unless the project is to go.

    ## Known false positives
    The first step of a planned deletion.

    ## Blind spots
    Which project the lien was on shows in its resource name or log only.
    """
    lien = (entry.request.text("name") or entry.raw_resource_name).rpartition("/")[2]
    project = entry.project
    create = (
        "gcloud",
        "alpha",
        "resource-manager",
        "liens",
        "create",
        "--restrictions=resourcemanager.projects.delete",
        "--reason=Removed without a known reason",
        f"--project={project}",
    )
    yield Match(
        subject=f"lien {lien}",
        title=f"The lien {lien} of {entry.scope} was removed by {entry.caller_name}",
        severity=weighed(Severity.MEDIUM, entry, context),
        remediation=remedy("Create the lien again", Run(create)) if project else None,
    )


RULES: Final = (project_moved, project_deleted, project_restored, lien_removed)
