"""What workloads do all day: become service accounts, and read and write data."""

from __future__ import annotations

from generate.fleet import Account, Fleet, Workload
from generate.scribe import (
    DENIED,
    METADATA_SERVER_AGENT,
    Caller,
    Check,
    Json,
    Scribe,
    account_resource,
    audited_resource,
    service,
)

CREDENTIALS = "iamcredentials.googleapis.com"
BIGQUERY_METADATA = "type.googleapis.com/google.cloud.audit.BigQueryAuditMetadata"


def mint(scribe: Scribe, caller: Caller, account: Account, *, denied: bool = False) -> Json:
    """GenerateAccessToken; a user who is denied is left out of the entry."""
    request = {
        "name": f"projects/-/serviceAccounts/{account.email}",
        "@type": "type.googleapis.com/google.iam.credentials.v1.GenerateAccessTokenRequest",
    }
    if denied and (caller.subject or "").startswith("user:"):
        caller = Caller(ip=caller.ip, agent=caller.agent)
    return scribe.write(
        CREDENTIALS,
        "GenerateAccessToken",
        caller,
        place=account.project,
        log="data_access",
        status=DENIED if denied else {},
        resource=account_resource(account),
        resource_name=f"projects/-/serviceAccounts/{account.unique_id}",
        checks=(Check("iam.serviceAccounts.getAccessToken", kind="ADMIN_READ", granted=not denied),),
        operation=scribe.operation(CREDENTIALS),
        request=request,
        metadata={"identityDelegationChain": [f"projects/-/serviceAccounts/{account.email}"]},
    )


def mint_by_workload(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A pod asks the GKE metadata server for a token; both spellings of its identity occur."""
    workload = scribe.rng.choice(fleet.workloads)
    spelling = workload.legacy_member if scribe.rng.random() < 0.7 else workload.principal
    caller = Caller(subject=spelling, agent=METADATA_SERVER_AGENT, delegation=({},))
    return [mint(scribe, caller, workload.account)]


def exchange(scribe: Scribe, pool: str, provider: str, subject: str, mapped: str, place: Account) -> Json:
    """An outside token is exchanged for a federated one."""
    name = f"{pool}/providers/{provider}"
    method = "google.identity.sts.v1.SecurityTokenService.ExchangeToken"
    return scribe.write(
        "sts.googleapis.com",
        method,
        Caller(subject=subject, ip="198.51.100.77", agent="google-github-actions:auth/3.0.0"),
        place=place.project,
        log="data_access",
        status={},
        resource=audited_resource("sts.googleapis.com", method, place.project),
        resource_name=name,
        checks=(Check("sts.identityProviders.checkLogging", name, "ADMIN_READ", granted=False),),
        request={
            "@type": "type.googleapis.com/google.identity.sts.v1.ExchangeTokenRequest",
            "audience": f"//iam.googleapis.com/{name}",
            "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
            "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
        },
        metadata={
            "@type": "type.googleapis.com/google.identity.sts.v1.AuditData",
            "mapped_principal": mapped,
        },
    )


def pipeline_signs_in(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """The delivery pipeline trades its token, then becomes the deployer."""
    mapped = f"principal://iam.googleapis.com/{fleet.pipeline_pool}/subject/{fleet.repository}"
    first = exchange(scribe, fleet.pipeline_pool, "github", fleet.repository, mapped, fleet.deployer)
    scribe.pass_time()
    caller = Caller(subject=mapped, ip="198.51.100.77", agent="google-github-actions:auth/3.0.0", delegation=({},))
    return [first, mint(scribe, caller, fleet.deployer)]


def as_account(workload: Workload) -> Caller:
    """A workload calling as the account it became."""
    return service(workload.account, delegation=({"principalSubject": workload.legacy_member},))


def read_object(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """An object in a bucket is read, written or listed."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    bucket = f"{project.id}-{workload.namespace}"
    verb, kind = scribe.rng.choice(
        (("get", "DATA_READ"), ("get", "DATA_READ"), ("create", "DATA_WRITE"), ("list", "DATA_READ"))
    )
    item = f"projects/_/buckets/{bucket}"
    if verb != "list":
        item += f"/objects/{scribe.now:%Y/%m/%d}/part-{scribe.rng.randrange(10**6):06d}.parquet"
    return [
        scribe.write(
            "storage.googleapis.com",
            f"storage.objects.{verb}",
            as_account(workload),
            place=project,
            log="data_access",
            status={},
            resource={
                "type": "gcs_bucket",
                "labels": {"bucket_name": bucket, "location": workload.cluster.location, "project_id": project.id},
            },
            resource_name=item,
            checks=(Check(f"storage.objects.{verb}", item, kind),),
            resourceLocation={"currentLocations": [workload.cluster.location]},
        )
    ]


def run_query(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A BigQuery job is inserted."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    job = f"projects/{project.id}/jobs/job_{scribe.token(27)}"
    table = f"projects/{project.id}/datasets/{workload.namespace.replace('-', '_')}/tables/orders"
    query = (
        "select customer, count(*) as orders, sum(amount) as total from `orders` "
        f"where day >= '{scribe.now:%Y-%m-%d}' group by customer order by total desc limit 100"
    )
    return [
        scribe.write(
            "bigquery.googleapis.com",
            "google.cloud.bigquery.v2.JobService.InsertJob",
            as_account(workload),
            place=project,
            log="data_access",
            status={},
            resource={"type": "bigquery_project", "labels": {"location": "EU", "project_id": project.id}},
            resource_name=job,
            checks=(Check("bigquery.jobs.create", f"projects/{project.id}", "DATA_WRITE"),),
            operation={
                "id": f"{int(scribe.now.timestamp())}-{project.id}:{job}",
                "producer": "bigquery.googleapis.com",
                "last": True,
            },
            metadata={
                "@type": BIGQUERY_METADATA,
                "jobInsertion": {
                    "job": {
                        "jobName": job,
                        "jobConfig": {
                            "type": "QUERY",
                            "queryConfig": {
                                "query": query,
                                "destinationTable": f"{table}_report",
                                "createDisposition": "CREATE_IF_NEEDED",
                                "writeDisposition": "WRITE_TRUNCATE",
                                "priority": "QUERY_INTERACTIVE",
                                "statementType": "SELECT",
                            },
                        },
                        "jobStatus": {"jobState": "DONE"},
                        "jobStats": {
                            "createTime": scribe.time(scribe.now),
                            "startTime": scribe.time(scribe.now),
                            "endTime": scribe.time(scribe.now),
                            "queryStats": {
                                "totalProcessedBytes": str(scribe.rng.randrange(10**10)),
                                "totalBilledBytes": str(scribe.rng.randrange(10**10)),
                                "billingTier": 1,
                                "referencedTables": [table],
                            },
                        },
                    },
                    "reason": "QUERY",
                },
            },
        )
    ]


def read_table(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A job reads a table."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    dataset = workload.namespace.replace("-", "_")
    table = f"projects/{project.id}/datasets/{dataset}/tables/orders"
    return [
        scribe.write(
            "bigquery.googleapis.com",
            "google.cloud.bigquery.v2.JobService.InsertJob",
            as_account(workload),
            place=project,
            log="data_access",
            status={},
            resource={"type": "bigquery_dataset", "labels": {"dataset_id": dataset, "project_id": project.id}},
            resource_name=table,
            checks=(Check("bigquery.tables.getData", table, "DATA_READ"),),
            metadata={
                "@type": BIGQUERY_METADATA,
                "tableDataRead": {
                    "fields": ["customer", "amount", "day"],
                    "jobName": f"projects/{project.id}/jobs/job_{scribe.token(27)}",
                    "reason": "JOB",
                },
            },
        )
    ]


def read_secret(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A workload reads one of its own secrets."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    method = "google.cloud.secretmanager.v1.SecretManagerService.AccessSecretVersion"
    name = f"projects/{project.id}/secrets/{workload.namespace}-{workload.name}/versions/latest"
    attributes = {
        "service": "secretmanager.googleapis.com",
        "name": name,
        "type": "secretmanager.googleapis.com/SecretVersion",
    }
    return [
        scribe.write(
            "secretmanager.googleapis.com",
            method,
            as_account(workload),
            place=project,
            log="data_access",
            resource=audited_resource("secretmanager.googleapis.com", method, project),
            resource_name=name,
            checks=(Check("secretmanager.versions.access", kind="DATA_READ", attributes=attributes),),
            request={
                "@type": "type.googleapis.com/google.cloud.secretmanager.v1.AccessSecretVersionRequest",
                "name": name,
            },
        )
    ]


def read_topic(scribe: Scribe, fleet: Fleet) -> list[Json]:
    """A subscriber looks up its subscription; publishing and pulling leave no entry."""
    workload = scribe.rng.choice(fleet.workloads)
    project = workload.cluster.project
    name = f"projects/{project.id}/subscriptions/{workload.namespace}-{workload.name}"
    return [
        scribe.write(
            "pubsub.googleapis.com",
            "google.pubsub.v1.Subscriber.GetSubscription",
            as_account(workload),
            place=project,
            log="data_access",
            resource={
                "type": "pubsub_subscription",
                "labels": {"subscription_id": name, "project_id": project.id},
            },
            resource_name=name,
            checks=(Check("pubsub.subscriptions.get", name, "ADMIN_READ"),),
            request={"@type": "type.googleapis.com/google.pubsub.v1.GetSubscriptionRequest", "subscription": name},
        )
    ]
