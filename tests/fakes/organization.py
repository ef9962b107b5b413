"""A fictional organization behind Google's APIs: projects, accounts, policies, clusters; in haste it says 429."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import grpc

from bindwatch.adapters import asset_inventory, gke, iam_api, org_policy, resource_manager, service_usage
from fakes.google_apis import Answer, Refusal, served

SOURCES = (asset_inventory, gke, iam_api, org_policy, resource_manager, service_usage)
ORGANIZATION = "organizations/123456789012"
MANAGER = "//cloudresourcemanager.googleapis.com"


def number_of(project: str) -> str:
    """The number of a project of ours."""
    return str(100_000 + int(project.rpartition("-")[2]))


class Organization:
    """`denied` holds (method, resource) pairs that are refused; every `hasty`-th call of a method gets a 429 first."""

    def __init__(self, projects: int = 3, *, hasty: int = 0) -> None:
        self.projects = [f"example-{index:04d}" for index in range(projects)]
        self.owners: dict[str, str] = {}
        self.labels: dict[str, dict[str, str]] = {}
        self.denied: set[tuple[str, str]] = set()
        self.calls: Counter[str] = Counter()
        self.unknown_types: set[str] = {"iam.googleapis.com/WorkloadIdentityPool"}
        self._hasty = hasty
        self._answered: Counter[str] = Counter()

    @contextmanager
    def served(self) -> Iterator[str]:
        """The address under which all of its APIs are."""
        clients = {call.client for source in SOURCES for call in source.CALLS}
        with served(sorted(clients), self._answers()) as target:
            yield target

    def _answers(self) -> Mapping[str, Answer]:
        methods: Mapping[str, Callable[[Any], Any]] = {
            "list_assets": self.list_assets,
            "search_all_iam_policies": lambda request: {"results": []},
            "list_policies": self.list_policies,
            "get_policy": self.get_policy,
            "list_principal_access_boundary_policies": lambda request: {
                "principal_access_boundary_policies": [
                    {
                        "name": f"{ORGANIZATION}/locations/global/principalAccessBoundaryPolicies/inside",
                        "details": {
                            "rules": [
                                {
                                    "resources": [f"//cloudresourcemanager.googleapis.com/{ORGANIZATION}"],
                                    "effect": "ALLOW",
                                }
                            ]
                        },
                    }
                ]
            },
            "search_principal_access_boundary_policy_bindings": lambda request: {
                "policy_bindings": [
                    {
                        "name": f"{ORGANIZATION}/locations/global/policyBindings/all",
                        "policy": request.name,
                        "target": {"principal_set": f"//cloudresourcemanager.googleapis.com/{ORGANIZATION}"},
                    }
                ]
            },
            "list_service_accounts": lambda request: {
                "accounts": [{"name": f"{request.name}/serviceAccounts/{email}", "email": email, "unique_id": "1"}]
                if (email := f"app@{request.name.rpartition('/')[2]}.iam.gserviceaccount.com")
                else []
            },
            "list_service_account_keys": lambda request: {
                "keys": [{"name": f"{request.name}/keys/k1", "key_type": "USER_MANAGED"}]
            },
            "get_iam_policy": self.get_iam_policy,
            "list_roles": lambda request: {
                "roles": [{"name": f"{request.parent}/roles/own", "included_permissions": ["iam.roles.get"]}]
            },
            "search_projects": lambda request: {
                "projects": [
                    {"name": f"projects/{number_of(project)}", "project_id": project, "parent": ORGANIZATION}
                    for project in self.projects
                ]
            },
            "get_project": lambda request: {
                "name": f"projects/{number_of(request.name.rpartition('/')[2])}",
                "project_id": request.name.rpartition("/")[2],
                "parent": "folders/55",
                "state": "ACTIVE",
                "labels": self.labels.get(request.name.rpartition("/")[2], {}),
            },
            "get_folder": lambda request: {"name": request.name, "parent": ORGANIZATION, "display_name": "Shop"},
            "list_clusters": lambda request: {
                "clusters": [{"name": "main", "location": "europe-west1", "current_master_version": "1.33"}],
                "missing_zones": ["us-east1-b"] if request.parent.startswith("projects/example-0002/") else [],
            },
            "list_services": lambda request: {
                "services": [{"name": f"{request.parent}/services/iam.googleapis.com", "state": "ENABLED"}]
            },
        }
        return {name: self._guarded(name, method) for name, method in methods.items()}

    def _guarded(self, name: str, method: Callable[[Any], Any]) -> Answer:
        def answer(request: Any) -> Any:
            about = next(
                (value for field in ("parent", "name", "resource", "scope") if (value := getattr(request, field, ""))),
                "",
            )
            self.calls[name] += 1
            if (name, unquote(about)) in self.denied:
                raise Refusal(grpc.StatusCode.PERMISSION_DENIED, f"Permission denied on {about}")
            self._answered[name] += 1
            if self._hasty and self._answered[name] % self._hasty == 0:
                raise Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded")
            return method(request)

        return answer

    def list_assets(self, request: Any) -> dict[str, Any]:
        kind = request.content_type.name
        unknown = self.unknown_types.intersection(request.asset_types)
        if unknown:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"unknown asset type {sorted(unknown)[0]}")
        whole = request.parent == ORGANIZATION
        projects = self.projects if whole else [request.parent.removeprefix("projects/")]
        assets = [
            asset
            for asset in self._assets(kind, projects, whole=whole)
            if not request.asset_types or asset["asset_type"] in request.asset_types
        ]
        at = int(request.page_token or 0)
        size = request.page_size or 100
        return {"assets": assets[at : at + size], "next_page_token": str(at + size) if at + size < len(assets) else ""}

    def _assets(self, kind: str, projects: list[str], *, whole: bool) -> Iterator[dict[str, Any]]:
        if kind == "RESOURCE" and whole:
            yield {
                "name": f"{MANAGER}/{ORGANIZATION}",
                "asset_type": "cloudresourcemanager.googleapis.com/Organization",
                "ancestors": [ORGANIZATION],
                "resource": {"data": {"name": ORGANIZATION, "displayName": "example.com"}},
            }
        for project in projects:
            number = number_of(project)
            ancestors = [f"projects/{number}", ORGANIZATION]
            email = f"app@{project}.iam.gserviceaccount.com"
            if kind == "RESOURCE":
                yield {
                    "name": f"{MANAGER}/projects/{number}",
                    "asset_type": "cloudresourcemanager.googleapis.com/Project",
                    "ancestors": ancestors,
                    "resource": {
                        "parent": f"{MANAGER}/{ORGANIZATION}",
                        "data": {
                            "projectId": project,
                            "projectNumber": number,
                            "lifecycleState": "ACTIVE",
                            "labels": self.labels.get(project, {}),
                        },
                    },
                }
                yield {
                    "name": f"//iam.googleapis.com/projects/{project}/serviceAccounts/1{number}",
                    "asset_type": "iam.googleapis.com/ServiceAccount",
                    "ancestors": ancestors,
                    "resource": {"data": {"email": email, "uniqueId": f"1{number}", "projectId": project}},
                }
            if kind == "IAM_POLICY" and project in self.owners:
                yield {
                    "name": f"{MANAGER}/projects/{number}",
                    "asset_type": "cloudresourcemanager.googleapis.com/Project",
                    "ancestors": ancestors,
                    "iam_policy": {
                        "bindings": [{"role": "roles/owner", "members": [self.owners[project]]}],
                        "etag": b"1",
                    },
                }

    def list_policies(self, request: Any) -> dict[str, Any]:
        if request.parent.startswith("policies/"):
            return {"policies": [{"name": f"{request.parent}/guard"}]}
        name = f"{request.parent}/policies/iam.disableServiceAccountKeyCreation"
        return {"policies": [{"name": name, "spec": {"rules": [{"enforce": True}]}}]}

    def get_policy(self, request: Any) -> dict[str, Any]:
        rule = {
            "denied_principals": ["principalSet://goog/public:all"],
            "denied_permissions": ["iam.googleapis.com/roles.delete"],
        }
        return {"name": request.name, "rules": [{"deny_rule": rule}]}

    def get_iam_policy(self, request: Any) -> dict[str, Any]:
        return {"bindings": [{"role": "roles/viewer", "members": ["user:ada@example.com"]}], "etag": b"1"}
