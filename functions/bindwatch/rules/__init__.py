"""Every rule, in explicit lists: adding one is a function, a line in the list of its family and two cases."""

from typing import Final

from bindwatch.inventory import Inventory
from bindwatch.model.log_entry import LogEntry
from bindwatch.rule import Rule, WindowRow
from bindwatch.rules import (
    attachments,
    audit_settings,
    behaviour,
    blind_spots_at_rest,
    clusters_at_rest,
    custom_roles,
    denials,
    deny_and_boundaries,
    discovery,
    escalation,
    federation,
    federation_at_rest,
    gke_identity,
    grants,
    grants_at_rest,
    hierarchy,
    keys,
    keys_at_rest,
    kubernetes_access,
    kubernetes_rbac,
    kubernetes_roles,
    kubernetes_workloads,
    logging_config,
    minting,
    org_policy,
    perimeters,
    pipeline_tampering,
    policy_writes,
    privileged_access,
    service_accounts,
    windows,
    windows_of_discovery,
    workspace,
)

LOG_RULES: Final[tuple[Rule[LogEntry], ...]] = (
    *minting.RULES,
    *grants.RULES,
    *federation.RULES,
    *custom_roles.RULES,
    *service_accounts.RULES,
    *keys.RULES,
    *attachments.RULES,
    *denials.RULES,
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
    *workspace.RULES,
    *gke_identity.RULES,
    *kubernetes_rbac.RULES,
    *kubernetes_roles.RULES,
    *kubernetes_access.RULES,
    *kubernetes_workloads.RULES,
)
INVENTORY_RULES: Final[tuple[Rule[Inventory], ...]] = (
    *blind_spots_at_rest.RULES,
    *clusters_at_rest.RULES,
    *federation_at_rest.RULES,
    *grants_at_rest.RULES,
    *keys_at_rest.RULES,
    *escalation.RULES,
)
WINDOW_RULES: Final[tuple[Rule[WindowRow], ...]] = (*windows.WINDOW_RULES, *windows_of_discovery.RULES)
