"""The command that adds a binding to, or removes it from, the allow policy of each kind of resource.

Most kinds have a gcloud command for it, some without conditions, some only one that writes the whole policy; datasets
have SQL, tables `bq`. The tests hold every row of the table to gcloud's own parser.
"""

import json
import re
import shlex
from dataclasses import dataclass
from functools import cache
from typing import Final

from bindwatch.model.policy import Condition

_NAME: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Target:
    """How gcloud names one kind of resource: the words before the verb, those after it, and what it can do there."""

    template: str
    start: str
    group: str
    arguments: str
    takes_conditions: bool
    edits_bindings: bool

    def parts(self, resource: str) -> re.Match[str] | None:
        """The parts of the name of a resource of this kind; None where it is of another."""
        return _pattern(self.template).fullmatch(resource) if resource.startswith(self.start) else None


@cache  # few of the many kinds are ever asked for
def _pattern(template: str) -> re.Pattern[str]:
    # A part of a name ends at the next slash; in one of the Cloud Asset Inventory nothing else is special.
    return re.compile(_NAME.sub(lambda match: f"(?P<{match[1]}>[^/]+)", template.replace(".", r"\.")))


def _target(template: str, group: str, arguments: str, can: str = "") -> Target:
    name = "//" + template
    return Target(name, name.partition("{")[0], group, arguments, can == "", can != "whole policies")


_PLAIN: Final = "no conditions"
_WHOLE: Final = "whole policies"
_P: Final = "projects/{p}/"
_L: Final = "projects/{p}/locations/{l}/"
_RING: Final = "cloudkms.googleapis.com/" + _L + "keyRings/"
_COMPUTE: Final = "compute.googleapis.com/" + _P
_AT: Final = "--location={l} --project={p}"
_IN: Final = "--project={p}"
_REGION: Final = "--region={l} --project={p}"
_BIGTABLE: Final = "bigtable.googleapis.com/" + _P + "instances/{i}"
_SPANNER: Final = "spanner.googleapis.com/" + _P + "instances/{i}"
_HEALTHCARE: Final = "healthcare.googleapis.com/" + _L + "datasets/{d}"
_TAXONOMY: Final = "datacatalog.googleapis.com/" + _L + "taxonomies/{t}"
_IAP: Final = "iap.googleapis.com/" + _P + "iap_web"

TARGETS: Final = (
    _target("cloudresourcemanager.googleapis.com/projects/{p}", "projects", "{p}"),
    _target("cloudresourcemanager.googleapis.com/folders/{f}", "resource-manager folders", "{f}"),
    _target("cloudresourcemanager.googleapis.com/organizations/{o}", "organizations", "{o}"),
    _target("cloudresourcemanager.googleapis.com/tagKeys/{k}", "resource-manager tags keys", "tagKeys/{k}"),
    _target("cloudresourcemanager.googleapis.com/tagValues/{k}", "resource-manager tags values", "tagValues/{k}"),
    _target("cloudbilling.googleapis.com/billingAccounts/{b}", "billing accounts", "{b}", _PLAIN),
    _target("iam.googleapis.com/" + _P + "serviceAccounts/{e}", "iam service-accounts", "{e} " + _IN),
    _target("iam.googleapis.com/" + _L + "workloadIdentityPools/{n}", "iam workload-identity-pools", "{n} " + _AT),
    _target("iam.googleapis.com/locations/{l}/workforcePools/{n}", "iam workforce-pools", "{n} --location={l}", _WHOLE),
    _target("storage.googleapis.com/{b}/managedFolders/{f}", "storage managed-folders", "gs://{b}/{f}/"),
    _target("storage.googleapis.com/{b}", "storage buckets", "gs://{b}"),
    _target("secretmanager.googleapis.com/" + _P + "secrets/{n}", "secrets", "{n} " + _IN),
    _target("secretmanager.googleapis.com/" + _L + "secrets/{n}", "secrets", "{n} " + _AT),
    _target(_RING + "{r}/cryptoKeys/{n}", "kms keys", "{n} --keyring={r} " + _AT),
    _target(_RING + "{r}/importJobs/{n}", "kms import-jobs", "{n} --keyring={r} " + _AT, _PLAIN),
    _target(_RING + "{n}", "kms keyrings", "{n} " + _AT),
    _target("cloudkms.googleapis.com/" + _L + "ekmConnections/{n}", "kms ekm-connections", "{n} " + _AT),
    _target("pubsub.googleapis.com/" + _P + "topics/{n}", "pubsub topics", "{n} " + _IN, _PLAIN),
    _target("pubsub.googleapis.com/" + _P + "subscriptions/{n}", "pubsub subscriptions", "{n} " + _IN, _PLAIN),
    _target("run.googleapis.com/" + _L + "services/{n}", "run services", "{n} " + _REGION),
    _target("run.googleapis.com/" + _L + "jobs/{n}", "run jobs", "{n} " + _REGION, _PLAIN),
    _target("cloudfunctions.googleapis.com/" + _L + "functions/{n}", "functions", "{n} " + _REGION, _PLAIN),
    _target("artifactregistry.googleapis.com/" + _L + "repositories/{n}", "artifacts repositories", "{n} " + _AT),
    _target("sourcerepo.googleapis.com/" + _P + "repos/{n}", "source repos", "{n} " + _IN, _WHOLE),
    _target(_COMPUTE + "zones/{z}/disks/{n}", "compute disks", "{n} --zone={z} " + _IN),
    _target(_COMPUTE + "zones/{z}/instances/{n}", "compute instances", "{n} --zone={z} " + _IN),
    _target(_COMPUTE + "zones/{z}/reservations/{n}", "compute reservations", "{n} --zone={z} " + _IN),
    _target(_COMPUTE + "global/images/{n}", "compute images", "{n} " + _IN),
    _target(_COMPUTE + "global/snapshots/{n}", "compute snapshots", "{n} " + _IN),
    _target(_COMPUTE + "global/machineImages/{n}", "compute machine-images", "{n} " + _IN, _PLAIN),
    _target(_COMPUTE + "global/instanceTemplates/{n}", "compute instance-templates", "{n} " + _IN),
    _target(_COMPUTE + "global/backendServices/{n}", "compute backend-services", "{n} --global " + _IN, _PLAIN),
    _target(
        _COMPUTE + "regions/{r}/backendServices/{n}", "compute backend-services", "{n} --region={r} " + _IN, _PLAIN
    ),
    _target(_COMPUTE + "global/backendBuckets/{n}", "compute backend-buckets", "{n} " + _IN, _PLAIN),
    _target(_COMPUTE + "regions/{r}/subnetworks/{n}", "compute networks subnets", "{n} --region={r} " + _IN, _PLAIN),
    _target(
        _COMPUTE + "regions/{r}/resourcePolicies/{n}", "compute resource-policies", "{n} --region={r} " + _IN, _WHOLE
    ),
    _target(_IAP, "iap web", _IN),
    _target(_IAP + "/compute", "iap web", "--resource-type=backend-services " + _IN),
    _target(_IAP + "/compute/services/{s}", "iap web", "--resource-type=backend-services --service={s} " + _IN),
    _target(
        _IAP + "/compute-{r}/services/{s}",
        "iap web",
        "--resource-type=backend-services --service={s} --region={r} " + _IN,
    ),
    _target(_IAP + "/appengine-{a}", "iap web", "--resource-type=app-engine " + _IN),
    _target(_IAP + "/appengine-{a}/services/{s}", "iap web", "--resource-type=app-engine --service={s} " + _IN),
    _target(
        "iap.googleapis.com/" + _P + "iap_tunnel/locations/{l}/destGroups/{g}",
        "iap tcp dest-groups",
        "--dest-group={g} --region={l} --project={p}",
    ),
    _target(_SPANNER, "spanner instances", "{i} " + _IN),
    _target(_SPANNER + "/databases/{n}", "spanner databases", "{n} --instance={i} " + _IN),
    _target(_SPANNER + "/backups/{n}", "spanner backups", "{n} --instance={i} " + _IN),
    _target(_BIGTABLE, "bigtable instances", "{i} " + _IN),
    _target(_BIGTABLE + "/tables/{n}", "bigtable tables", "{n} --instance={i} " + _IN),
    _target(_BIGTABLE + "/clusters/{c}/backups/{n}", "bigtable backups", "{n} --cluster={c} --instance={i} " + _IN),
    _target(_HEALTHCARE, "healthcare datasets", "{d} " + _AT),
    *(
        _target(_HEALTHCARE + f"/{kind}Stores/{{n}}", f"healthcare {group}-stores", "{n} --dataset={d} " + _AT)
        for kind, group in (("dicom", "dicom"), ("fhir", "fhir"), ("hl7V2", "hl7v2"), ("consent", "consent"))
    ),
    _target("cloudtasks.googleapis.com/" + _L + "queues/{n}", "tasks queues", "{n} " + _AT, _PLAIN),
    _target("dns.googleapis.com/" + _P + "managedZones/{n}", "dns managed-zones", "{n} " + _IN, _WHOLE),
    _target(
        "dataproc.googleapis.com/projects/{p}/regions/{l}/clusters/{n}", "dataproc clusters", "{n} " + _REGION, _WHOLE
    ),
    _target(_TAXONOMY, "data-catalog taxonomies", "{t} " + _AT, _PLAIN),
    _target(_TAXONOMY + "/policyTags/{n}", "data-catalog taxonomies policy-tags", "{n} --taxonomy={t} " + _AT, _PLAIN),
    _target("dataplex.googleapis.com/" + _L + "lakes/{n}", "dataplex lakes", "{n} " + _AT, _PLAIN),
    _target(
        "servicedirectory.googleapis.com/" + _L + "namespaces/{n}",
        "service-directory namespaces",
        "{n} " + _AT,
        _PLAIN,
    ),
    _target("privateca.googleapis.com/" + _L + "caPools/{n}", "privateca pools", "{n} " + _AT),
    _target("privateca.googleapis.com/" + _L + "certificateTemplates/{n}", "privateca templates", "{n} " + _AT),
    _target("binaryauthorization.googleapis.com/" + _P + "attestors/{n}", "container binauthz attestors", "{n} " + _IN),
    _target("binaryauthorization.googleapis.com/" + _P + "policy", "container binauthz policy", _IN),
    _target("notebooks.googleapis.com/" + _L + "instances/{n}", "notebooks instances", "{n} " + _AT, _PLAIN),
    _target("metastore.googleapis.com/" + _L + "services/{n}", "metastore services", "{n} " + _AT, _PLAIN),
    _target(
        "clouddeploy.googleapis.com/" + _L + "deliveryPipelines/{n}", "deploy delivery-pipelines", "{n} " + _REGION
    ),
    _target("clouddeploy.googleapis.com/" + _L + "targets/{n}", "deploy targets", "{n} " + _REGION),
    _target("logging.googleapis.com/" + _L + "buckets/{b}/views/{n}", "logging views", "{n} --bucket={b} " + _AT),
    _target("accesscontextmanager.googleapis.com/accessPolicies/{n}", "access-context-manager policies", "{n}"),
)
"""What gcloud can do to each kind of resource, by its canonical name. As of Google Cloud SDK 528."""

_BIGQUERY: Final = re.compile(
    r"//bigquery\.googleapis\.com/projects/(?P<p>[\w.:-]+)/datasets/(?P<d>\w+)"
    r"(?:/(?P<kind>tables|routines)/(?P<n>[^/`\"\\]+))?"
)
# How members are named in GRANT and REVOKE; the other forms have no name there.
# https://cloud.google.com/bigquery/docs/reference/standard-sql/data-control-language#user_list
_GRANTEES: Final = re.compile(r"(?:user|group|serviceAccount|domain):[^\"\\`?]+")
_EVERYBODY: Final = ("allUsers", "allAuthenticatedUsers")


def binding_command(verb: str, resource: str, role: str, member: str, condition: Condition | None) -> str:
    """The command that adds or removes (`verb`) a member of a binding; a line that says what to do where none can."""
    command = _of_bigquery(verb, resource, role, member, condition) or _of_gcloud(
        verb, resource, role, member, condition
    )
    # No tool edits this kind of resource: say which policy to edit rather than invent a command.
    # Quoted all the same: not every shell takes a pasted line that starts with # for a comment.
    when = f" where {_word(condition.expression)}" if condition is not None else ""
    return (
        command
        or f"# by hand, in the allow policy of {_word(resource)}: {verb} {_word(role)} for {_word(member)}{when}"
    )


def whole_policy_command(resource: str, edit: str) -> str:
    """The commands that read the policy of a resource, edit it with jq, and write it back; '' where gcloud cannot.

    The etag that is read with the policy refuses to overwrite what others changed in between.
    """
    for target in TARGETS:
        if found := target.parts(resource):
            return _whole_policy(target.group.split(), _filled(target.arguments, found), edit)
    return ""


def _filled(arguments: str, found: re.Match[str]) -> list[str]:
    return [word.format_map(found.groupdict()) for word in arguments.split()]


def _of_gcloud(verb: str, resource: str, role: str, member: str, condition: Condition | None) -> str:
    for target in TARGETS:
        if found := target.parts(resource):
            arguments = _filled(target.arguments, found)
            if not target.edits_bindings or (condition is not None and not target.takes_conditions):
                return _whole_policy(target.group.split(), arguments, _edit(verb, role, member, condition))
            return shlex.join(
                (
                    "gcloud",
                    *target.group.split(),
                    f"{verb}-iam-policy-binding",
                    *arguments,
                    f"--role={role}",
                    f"--member={member}",
                    *((_condition(condition),) if target.takes_conditions else ()),
                )
            )
    return ""


def _whole_policy(group: list[str], arguments: list[str], edit: str) -> str:
    read = shlex.join(("gcloud", *group, "get-iam-policy", *arguments, "--format=json"))
    positional = [word for word in arguments if not word.startswith("--")]
    flags = [word for word in arguments if word.startswith("--")]
    file = ["--policy-file=policy.json"] if group[0] == "dns" else ["policy.json"]
    write = shlex.join(("gcloud", *group, "set-iam-policy", *positional, *file, *flags))
    return f"{read} | {shlex.join(('jq', edit))} > policy.json && {write}"


def _edit(verb: str, role: str, member: str, condition: Condition | None) -> str:
    if verb == "add":
        binding: dict[str, object] = {"role": role, "members": [member]}
        version = ""
        if condition is not None:
            fields = {
                "expression": condition.expression, "title": condition.title, "description": condition.description
            }  # fmt: skip
            binding["condition"] = {name: value for name, value in fields.items() if value}
            version = " | .version = 3"
        return f".bindings += [{json.dumps(binding)}]{version}"
    expression = json.dumps(condition.expression if condition is not None else None)
    return (
        f".bindings |= (map(if .role == {json.dumps(role)} and .condition.expression == {expression} "
        f"then .members -= [{json.dumps(member)}] else . end) | map(select(.members != [])))"
    )


def _of_bigquery(verb: str, resource: str, role: str, member: str, condition: Condition | None) -> str:
    found = _BIGQUERY.fullmatch(resource)
    if found is None or condition is not None:
        return ""
    if found["kind"]:
        flag = "--routine" if found["kind"] == "routines" else "--table"
        name = f"{found['p']}:{found['d']}.{found['n']}"
        return shlex.join(("bq", f"{verb}-iam-policy-binding", f"--member={member}", f"--role={role}", flag, name))
    grantee = f"specialGroup:{member}" if member in _EVERYBODY else member
    if not (member in _EVERYBODY or _GRANTEES.fullmatch(member)) or "`" in role:
        return ""
    verb, preposition = ("GRANT", "TO") if verb == "add" else ("REVOKE", "FROM")
    statement = f'{verb} `{role}` ON SCHEMA `{found["p"]}`.`{found["d"]}` {preposition} "{grantee}"'
    return shlex.join(("bq", "query", f"--project_id={found['p']}", "--use_legacy_sql=false", statement))


def _condition(condition: Condition | None) -> str:
    if condition is None:
        return "--condition=None"
    fields = [f"expression={condition.expression}", f"title={condition.title}"]
    if condition.description:
        fields.append(f"description={condition.description}")
    text = ",".join(fields)
    if text.count(",") == len(fields) - 1:
        return f"--condition={text}"
    # gcloud's own escape for values with commas: another delimiter, named between two carets.
    signs = (":", ";", "#", "@@", "~~")
    delimiter = next((sign for sign in signs if not any(sign in field for field in fields)), "|||")
    return f"--condition=^{delimiter}^{delimiter.join(fields)}"


def _word(text: str) -> str:
    return shlex.quote("".join(char if char.isprintable() else "?" for char in text))
