"""Whether the attribute condition of a provider keeps strangers out, where its issuer signs tokens for everybody."""

from typing import Any, Final
from urllib.parse import urlsplit

from bindwatch.access.conditions import compiled_program

_NAME: Final = "stranger-of-nobody"
_NUMBER: Final = "900000000000000001"

# What a token says that somebody else got from the same issuer. Names and numbers of theirs are theirs alone; branches,
# environments and events they choose as they like, so these are the ones a condition is likely to ask for.
# https://docs.github.com/actions/reference/security/oidc, https://docs.gitlab.com/ci/secrets/id_token_authentication,
# https://developer.hashicorp.com/terraform/cloud-docs/workspaces/dynamic-provider-credentials/workload-identity-tokens
_CLAIMS: Final[dict[str, dict[str, str]]] = {
    "token.actions.githubusercontent.com": {
        "sub": f"repo:{_NAME}/{_NAME}:ref:refs/heads/main",
        "repository": f"{_NAME}/{_NAME}",
        "repository_id": _NUMBER,
        "repository_owner": _NAME,
        "repository_owner_id": _NUMBER,
        "repository_visibility": "private",
        "actor": _NAME,
        "actor_id": _NUMBER,
        "workflow": "deploy",
        "workflow_ref": f"{_NAME}/{_NAME}/.github/workflows/deploy.yml@refs/heads/main",
        "job_workflow_ref": f"{_NAME}/{_NAME}/.github/workflows/deploy.yml@refs/heads/main",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "ref_protected": "true",
        "base_ref": "",
        "head_ref": "",
        "environment": "production",
        "event_name": "push",
        "runner_environment": "github-hosted",
    },
    "gitlab.com": {
        "sub": f"project_path:{_NAME}/{_NAME}:ref_type:branch:ref:main",
        "namespace_id": _NUMBER,
        "namespace_path": _NAME,
        "project_id": _NUMBER,
        "project_path": f"{_NAME}/{_NAME}",
        "user_id": _NUMBER,
        "user_login": _NAME,
        "user_email": f"{_NAME}@example.invalid",
        "pipeline_source": "push",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "environment": "production",
        "environment_protected": "true",
        "deployment_tier": "production",
        "runner_environment": "gitlab-hosted",
    },
    "app.terraform.io": {
        "sub": f"organization:{_NAME}:project:{_NAME}:workspace:{_NAME}:run_phase:apply",
        "terraform_organization_id": f"org-{_NAME}",
        "terraform_organization_name": _NAME,
        "terraform_project_id": f"prj-{_NAME}",
        "terraform_project_name": _NAME,
        "terraform_workspace_id": f"ws-{_NAME}",
        "terraform_workspace_name": _NAME,
        "terraform_run_phase": "apply",
    },
}


def lets_strangers_in(issuer: str, condition: str) -> bool:
    """Whether a condition surely holds for a stranger's token of this issuer; false where that cannot be told."""
    claims = _CLAIMS.get((urlsplit(issuer if "//" in issuer else f"//{issuer}").hostname or "").lower())
    if claims is None:
        return False
    # Attributes are mostly named like the claim they are mapped from; what has another name cannot be told.
    known: dict[str, Any] = {"assertion": claims, "attribute": claims, "google": {"subject": claims["sub"]}}
    try:
        return compiled_program(condition).execute(known) is True
    except Exception:  # whatever an expression makes the evaluator raise, the answer is: not known
        return False
