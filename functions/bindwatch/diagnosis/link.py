"""How a broken link between a workload and what it wants to be or reach is named, wherever it is seen."""

from typing import Final

from bindwatch.model.principal import Principal
from bindwatch.model.resource import service_account_name

BROKEN: Final = "workload-identity-broken"


def broken_subject(workload: Principal, target: str) -> str:
    """The subject of a `workload-identity-broken` finding: pool, namespace, KSA (in its one spelling) and target.

    `target` is the e-mail of the service account the workload wants to be, or the full name of what it wants to reach.
    A mint leaves the same two texts in `activity` (caller and target), so a later success of the pair is found by them:
    that is how such a finding is resolved, not by a single entry.
    """
    return f"{workload.identity} to {target.lower() if '@' in target else target}"


def broken_resource(target: str, project: str = "") -> str:
    """The resource of such a finding: the service account, or what was to be reached. `project` serves as its home
    where its e-mail does not tell one."""
    return service_account_name(target, project) if "@" in target else target
