"""The entry survives every shape audit logs are observed in, and says the same of each."""

import json
from typing import Any

import pytest

from bindwatch.errors import InputError
from bindwatch.model.log_entry import decode, from_dict
from bindwatch.model.principal import PrincipalKind


def entry(**payload: Any) -> dict[str, Any]:
    return {
        "logName": "projects/acme-prod/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": "-a1",
        "timestamp": "2026-11-01T10:00:00.123456789Z",
        "severity": "NOTICE",
        "resource": {"type": "project", "labels": {"project_id": "acme-prod"}},
        "protoPayload": {"serviceName": "x.googleapis.com", "methodName": "Do", **payload},
    }


def parse(value: object) -> Any:
    return decode(json.dumps(value))


@pytest.mark.parametrize("status", [None, {}, {"code": 0}, {"message": "OK"}, {"message": "Connection succeeded."}])
def test_every_encoding_of_success_is_success(status: object) -> None:
    value = entry() if status is None else entry(status=status)
    assert not parse(value).failed


def test_a_failure_without_a_code_is_a_failure() -> None:
    value = entry(status={"message": "ZONE_RESOURCE_POOL_EXHAUSTED"}) | {"severity": "ERROR"}
    assert parse(value).failed


def test_a_denial_omits_granted() -> None:
    value = entry(
        status={"code": 7, "message": "PERMISSION_DENIED"},
        authenticationInfo={},
        authorizationInfo=[{"permission": "iam.serviceAccounts.getAccessToken"}],
    )
    read = parse(value)
    assert read.denied
    assert read.caller is None
    assert read.missing_permissions == ("iam.serviceAccounts.getAccessToken",)


def test_callers_that_the_log_redacts_are_told_apart_by_origin() -> None:
    def key(address: str) -> str:
        origin = {"callerIp": address, "callerSuppliedUserAgent": "gcloud"}
        return str(parse(entry(authenticationInfo={}, requestMetadata=origin)).caller_key)

    assert key("192.0.2.1") == key("192.0.2.1") != key("192.0.2.2")


@pytest.mark.parametrize(
    "subject",
    [
        "serviceAccount:acme-prod.svc.id.goog[shop/api]",
        (
            "principal://iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/"
            "acme-prod.svc.id.goog/subject/ns/shop/sa/api"
        ),
    ],
)
def test_both_spellings_of_a_workload_name_the_same_caller(subject: str) -> None:
    caller = parse(entry(authenticationInfo={"principalSubject": subject})).caller
    assert caller.kind is PrincipalKind.WORKLOAD
    assert (caller.pool, caller.namespace, caller.service_account) == ("acme-prod.svc.id.goog", "shop", "api")


def test_an_empty_delegation_element_names_nobody() -> None:
    value = entry(authenticationInfo={"principalSubject": "user:a@example.com", "serviceAccountDelegationInfo": [{}]})
    assert parse(value).delegation == ()


def test_service_agents_in_a_delegation_impersonate_nobody() -> None:
    agent = {"firstPartyPrincipal": {"principalEmail": "service-123@compute-system.iam.gserviceaccount.com"}}
    human = {"principalSubject": "user:ada@example.com"}
    value = entry(
        authenticationInfo={
            "principalEmail": "x@p.iam.gserviceaccount.com",
            "serviceAccountDelegationInfo": [agent, human],
        }
    )
    read = parse(value)
    assert [hop.email for hop in read.impersonators] == ["ada@example.com"]
    assert len(read.delegation) == 2


DELTA = {"action": "ADD", "role": "roles/owner", "member": "user:eve@example.com"}


@pytest.mark.parametrize(
    "payload",
    [
        {"serviceData": {"policyDelta": {"bindingDeltas": [DELTA]}}},
        {"metadata": {"datasetChange": {"bindingDeltas": [DELTA]}}},
        {"metadata": {"tableChange": {"bindingDeltas": [DELTA]}}},
        {
            "methodName": "SetIamPolicy",
            "request": {"policy": {"bindings": [{"role": "roles/owner", "members": ["user:eve@example.com"]}]}},
        },
        {
            "methodName": "storage.setIamPermissions",
            "request": {
                "iamRequest": {"policy": {"bindings": [{"role": "roles/owner", "members": ["user:eve@example.com"]}]}}
            },
        },
        {
            "methodName": "google.cloud.run.v1.Services.SetIamPolicy",
            "response": {"bindings": [{"role": "roles/owner", "members": ["user:eve@example.com"]}]},
        },
        {
            "metadata": {
                "datasetChange": {
                    "accessChanges": [
                        {"action": "ADD", "access": {"role": "roles/owner", "userByEmail": "eve@example.com"}}
                    ]
                }
            }
        },
    ],
)
def test_a_grant_is_found_wherever_the_service_puts_it(payload: dict[str, Any]) -> None:
    (grant,) = parse(entry(**payload)).grants
    assert (grant.role, grant.member) == ("roles/owner", "user:eve@example.com")


def test_the_old_names_of_roles_on_datasets_are_those_of_an_inventory() -> None:
    """So that one grant is one finding, wherever it is seen."""
    change = {"action": "ADD", "access": {"role": "WRITER", "userByEmail": "eve@example.com"}}
    (grant,) = parse(entry(metadata={"datasetChange": {"accessChanges": [change]}})).grants
    assert grant.role == "roles/bigquery.dataEditor"


def test_an_empty_delta_changed_nothing_whatever_the_request_lists() -> None:
    policy = {"bindings": [{"role": "roles/owner", "members": ["user:eve@example.com"]}]}
    value = entry(methodName="SetIamPolicy", serviceData={"policyDelta": {}}, request={"policy": policy})
    assert parse(value).grants == ()


def test_a_refused_grant_is_no_grant() -> None:
    value = entry(
        methodName="SetIamPolicy", status={"code": 7}, serviceData={"policyDelta": {"bindingDeltas": [DELTA]}}
    )
    read = parse(value)
    assert read.grants == ()
    assert [grant.role for grant in read.attempted_grants] == ["roles/owner"]


def test_the_target_of_a_mint_is_in_the_labels_not_in_the_resource_name() -> None:
    value = entry(
        serviceName="iamcredentials.googleapis.com",
        methodName="GenerateAccessToken",
        resourceName="projects/-/serviceAccounts/1234567890",
    )
    value["resource"] = {
        "type": "service_account",
        "labels": {"email_id": "ci@acme-prod.iam.gserviceaccount.com", "project_id": "acme-prod"},
    }
    read = parse(value)
    assert read.target == "ci@acme-prod.iam.gserviceaccount.com"
    assert (
        read.resource == "//iam.googleapis.com/projects/acme-prod/serviceAccounts/ci@acme-prod.iam.gserviceaccount.com"
    )


@pytest.mark.parametrize(
    ("damage", "still_there"),
    [
        ({"status": "PERMISSION_DENIED"}, "method"),
        ({"authorizationInfo": [{"permission": "a.b.c", "granted": "true"}]}, "permissions"),
        ({"authorizationInfo": {"permission": "a.b.c"}}, "method"),
        ({"requestMetadata": ["callerIp"]}, "method"),
        ({"authenticationInfo": {"principalEmail": None, "principalSubject": "user:a@example.com"}}, "caller"),
    ],
)
def test_a_field_of_the_wrong_type_costs_only_itself(damage: dict[str, Any], still_there: str) -> None:
    assert getattr(parse(entry(**damage)), still_there)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"x"', "{}", '{"protoPayload": {}}', '{"textPayload": "x"}', b"\xff\xfe"]
)
def test_what_is_no_audit_entry_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(InputError) as refusal:
        decode(text)
    assert refusal.value.problem


def test_decoded_json_reads_like_its_text() -> None:
    value = entry(serviceData={"policyDelta": {"bindingDeltas": [DELTA]}})
    assert from_dict(value).grants == parse(value).grants


def test_the_link_shows_exactly_this_entry() -> None:
    url = parse(entry()).ref.url
    assert "insertId%3D%22-a1%22" in url
    assert url.endswith("?project=acme-prod")


@pytest.mark.parametrize(
    "text", ["2026-11-01T10:00:00.123456789Z", "2026-11-01 10:00:00.123456 UTC", "2026-11-01 10:00:00.123456"]
)
def test_every_spelling_of_a_time_is_the_same_time(text: str) -> None:
    value = entry() | {"timestamp": text}
    assert parse(value).time.isoformat() == "2026-11-01T10:00:00.123456+00:00"


def test_a_project_number_in_the_resource_name_reads_as_the_id_of_the_project() -> None:
    value = entry(
        serviceName="iam.googleapis.com", resourceName="projects/123/locations/global/workloadIdentityPools/p"
    )
    value["resource"]["type"] = "audited_resource"
    assert parse(value).resource == "//iam.googleapis.com/projects/acme-prod/locations/global/workloadIdentityPools/p"


def test_a_method_that_is_missing_stands_in_the_request_or_in_the_labels() -> None:
    value = entry(request={"@type": "type.googleapis.com/compute.images.setIamPolicy"})
    del value["protoPayload"]["methodName"], value["protoPayload"]["serviceName"]
    assert (parse(value).service, parse(value).method) == ("compute.googleapis.com", "v1.compute.images.setIamPolicy")
    value["resource"] = {"type": "audited_resource", "labels": {"method": "google.login.LoginService.loginFailure"}}
    read = parse(value)
    assert (read.service, read.method) == ("login.googleapis.com", "google.login.LoginService.loginFailure")


@pytest.mark.parametrize(
    "said", [{"status": {"code": 7}}, {"authorizationInfo": [{"permission": "iam.roles.update", "granted": True}]}]
)
def test_without_a_method_an_entry_is_taken_by_what_else_it_says(said: dict[str, Any]) -> None:
    assert parse({"protoPayload": said}).method == ""
    with pytest.raises(InputError, match="methodName"):
        parse({"protoPayload": {"resourceName": "projects/acme-prod", **dict.fromkeys(said)}})


def test_an_api_that_is_missing_is_told_by_the_full_name_of_a_method() -> None:
    value = entry(methodName="google.identity.sts.v1.SecurityTokenService.ExchangeToken")
    del value["protoPayload"]["serviceName"]
    assert parse(value).service == "sts.googleapis.com"
