"""The inventory rule for workloads that cannot reach Google Cloud: one finding for each, with its one cause."""

from collections.abc import Iterator
from typing import Final

from bindwatch.diagnosis.case import Inputs
from bindwatch.diagnosis.chain import Diagnosis, diagnose
from bindwatch.diagnosis.link import broken_resource, broken_subject
from bindwatch.diagnosis.select import all_cases
from bindwatch.inventory import Inventory, Part
from bindwatch.model.finding import Confidence
from bindwatch.rule import Context, Match, at_rest_of
from bindwatch.rules.denials import workload_identity_broken as seen_in_logs

# What passes by itself within minutes is nobody's to repair.
_PASSING: Final = frozenset({"propagation-delay", "metadata-startup-race"})


@at_rest_of(
    seen_in_logs,
    needs=(Part.KUBERNETES_SERVICE_ACCOUNTS,),
    equivalents=(
        "wi-analyzer:ksa-exists",
        "wi-analyzer:ksa-annotated",
        "wi-analyzer:gsa-enabled",
        "wi-analyzer:workload-identity-user",
    ),
)
def workload_identity_broken(inventory: Inventory, context: Context) -> Iterator[Match]:
    """The page is that of the log rule: the same problem, seen standing."""
    inputs = Inputs(inventory=inventory, catalogue=context.catalogue, as_of=context.as_of)
    for case in all_cases(inputs):
        diagnosis = diagnose(case)
        if diagnosis.is_broken and diagnosis.root is not None and diagnosis.root.cause.id not in _PASSING:
            yield _match(diagnosis)


def _match(diagnosis: Diagnosis) -> Match:
    case, root = diagnosis.case, diagnosis.root
    assert root is not None
    target = case.email or next((grant.resource for grant in case.direct_grants), "") or case.pool_name
    others = tuple(f"Also {blame.cause.id}: {blame.evidence[0].text}" for blame in diagnosis.others)
    return Match(
        subject=broken_subject(case.principal, target),
        title=f"{case.member} cannot {'become' if '@' in target else 'reach'} {case.email or 'Google Cloud'}:"
        f" {root.cause.title[0].lower()}{root.cause.title[1:]}",
        resource_name=broken_resource(target, case.account_project),
        principal=case.principal.identity,
        confidence=Confidence.HIGH,
        cause=root.cause.id,
        ruled_out=tuple(cause.id for cause, _ in diagnosis.ruled_out),
        evidence=tuple(item.source for item in root.evidence if item.source is not None),
        notes=(*(item.text for item in root.evidence), *others),
        remediation=root.found.fix.remediation,
    )


RULES: Final = (workload_identity_broken,)
