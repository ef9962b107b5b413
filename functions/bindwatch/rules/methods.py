"""The API methods that rules read, spelled as observed audit logs spell them, in named groups."""

from typing import Final

from bindwatch.rule import Method

IAM: Final = "iam.googleapis.com"
CREDENTIALS: Final = "iamcredentials.googleapis.com"
STS: Final = "sts.googleapis.com"
CRM: Final = "cloudresourcemanager.googleapis.com"
LOGGING: Final = "logging.googleapis.com"


def activity(service: str, *names: str) -> tuple[Method, ...]:
    """Admin Activity methods of a service: always logged, free."""
    return tuple(Method(service, name) for name in names)


def converted(*names: str) -> tuple[Method, ...]:
    """Methods of entries that lost the name of their API when another tool converted them; no sink ever sends one."""
    return tuple(Method("", name, log="") for name in names)


METHODLESS: Final = (Method("*", "", log=""),)
"""Entries that have no method: they say which permissions were checked, or what was refused."""


def data_access(service: str, *names: str, log_type: str, audited_as: str = "") -> tuple[Method, ...]:
    """Data Access methods: logged only where the audit config of `audited_as` switches `log_type` on."""
    return tuple(Method(service, name, "data_access", log_type, audited_as) for name in names)


def _credentials(*names: str) -> tuple[Method, ...]:
    # Bare in every observed entry; the long form stands in Google's prose only.
    spellings = [spelling for name in names for spelling in (name, f"google.iam.credentials.v1.IAMCredentials.{name}")]
    return data_access(CREDENTIALS, *spellings, log_type="ADMIN_READ", audited_as=IAM)


GENERATE_ACCESS_TOKEN: Final = _credentials("GenerateAccessToken")
GENERATE_ID_TOKEN: Final = _credentials("GenerateIdToken")
SIGN_BLOB: Final = _credentials("SignBlob")
SIGN_JWT: Final = _credentials("SignJwt")
MINT: Final = GENERATE_ACCESS_TOKEN + GENERATE_ID_TOKEN + SIGN_BLOB + SIGN_JWT

EXCHANGE: Final = data_access(STS, "google.identity.sts.v1*.SecurityTokenService.Exchange*", log_type="ADMIN_READ")
SIGN_IN: Final = data_access(STS, "google.identity.sts.SecurityTokenService.WebSignIn", log_type="ADMIN_READ")

# CRM, KMS: bare SetIamPolicy; iam: SetIAMPolicy; storage: storage.setIamPermissions; compute:
# v1.compute.X.setIamPolicy; the rest: {package}.{Service}.SetIamPolicy or google.iam.v1.IAMPolicy.SetIamPolicy.
# Buckets and datasets also carry deltas on creation and update.
SET_IAM_POLICY: Final = (
    Method("*", "*SetIamPolicy"),
    Method("storage.googleapis.com", "storage.setIamPermissions"),
    *activity("storage.googleapis.com", "storage.buckets.create", "storage.buckets.update", "storage.buckets.patch"),
    *activity(
        "bigquery.googleapis.com",
        "google.cloud.bigquery.v2.DatasetService.InsertDataset",
        "google.cloud.bigquery.v2.DatasetService.PatchDataset",
        "google.cloud.bigquery.v2.DatasetService.UpdateDataset",
    ),
)
# Deployment Manager makes what a template names; its entry lists the permissions that this took.
DEPLOYMENTS: Final = activity("deploymentmanager.googleapis.com", "*.deployments.insert")
PROJECT_POLICY: Final = (Method(CRM, "*SetIamPolicy"),)
SERVICE_ACCOUNT_POLICY: Final = (Method(IAM, "google.iam.admin.v1.SetIAMPolicy"),)
