"""Every rule, in explicit lists: adding one is a function, a line in the list of its family and two cases.

Those over entries stand here, a file for each family. Those over what SQL finds among many entries are in `windows`;
those over inventories in `at_rest`, which is imported when somebody asks for it: judging entries does without what they
lean on.
"""

from typing import TYPE_CHECKING, Any, Final

from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Rule
from bindwatch.rules import (
    api_keys,
    attachments,
    audit_settings,
    behaviour,
    converted_entries,
    custom_roles,
    denials,
    deny_and_boundaries,
    discovery,
    federation,
    gke_identity,
    grants,
    hierarchy,
    keys,
    kubernetes_access,
    kubernetes_rbac,
    kubernetes_roles,
    kubernetes_workloads,
    logging_config,
    members_refused,
    minting,
    org_policy,
    outside,
    perimeters,
    pipeline_tampering,
    policy_writes,
    privileged_access,
    service_accounts,
    workspace,
)
from bindwatch.rules.windows import WINDOW_RULES as WINDOW_RULES

LOG_RULES: Final[tuple[Rule[LogEntry], ...]] = (
    *minting.RULES,
    *grants.RULES,
    *federation.RULES,
    *converted_entries.RULES,
    *custom_roles.RULES,
    *service_accounts.RULES,
    *keys.RULES,
    *api_keys.RULES,
    *attachments.RULES,
    *denials.RULES,
    *members_refused.RULES,
    *policy_writes.RULES,
    *logging_config.RULES,
    *audit_settings.RULES,
    *pipeline_tampering.RULES,
    *org_policy.RULES,
    *hierarchy.RULES,
    *perimeters.RULES,
    *deny_and_boundaries.RULES,
    *privileged_access.RULES,
    *discovery.RULES,
    *behaviour.RULES,
    *outside.RULES,
    *workspace.RULES,
    *gke_identity.RULES,
    *kubernetes_rbac.RULES,
    *kubernetes_roles.RULES,
    *kubernetes_access.RULES,
    *kubernetes_workloads.RULES,
)

if TYPE_CHECKING:
    from bindwatch.rules.at_rest import INVENTORY_RULES as INVENTORY_RULES


def __getattr__(name: str) -> Any:
    if name == "INVENTORY_RULES":
        from bindwatch.rules.at_rest import INVENTORY_RULES

        return INVENTORY_RULES
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
