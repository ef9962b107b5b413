"""Whether a deployment works: its parts one by one, then a canary through all of it.

Exit 0: all is well. 1: something is wrong, said with what to do. 2: could not look at all of it.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RULE = "impersonation-role-on-service-account"
ENDPOINT = "BINDWATCH_VERIFY_ENDPOINT"
"""A server that stands in for all of Google's APIs, by the name of each as first part of the path; for tests."""


class NotAskedError(Exception):
    """An API that did not answer, or not with what was asked for."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class Cloud:
    """Google's REST APIs, asked as whoever runs this."""

    token: str
    endpoint: str = ""

    def ask(self, method: str, service: str, path: str, body: object = None) -> dict[str, Any]:
        """The answer to one request. Raises NotAskedError."""
        base = f"{self.endpoint}/{service}" if self.endpoint else f"https://{service}.googleapis.com"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{base}/{path}", data, headers, method=method)  # noqa: S310  https, or a test
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
                answer: dict[str, Any] = json.load(response)
                return answer
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            with contextlib.suppress(ValueError, KeyError, TypeError):
                text = json.loads(text)["error"]["message"]
            raise NotAskedError(error.code, text[:300]) from error
        except (OSError, HTTPException, ValueError) as error:
            raise NotAskedError(0, str(error)) from error


@dataclass
class Report:
    """What was found so far, told as it is found."""

    wrong: int = 0
    unknown: int = 0
    lines: list[str] = field(default_factory=list)

    def well(self, what: str) -> None:
        """Something is as it should be."""
        self._say(f"ok       {what}")

    def bad(self, what: str, advice: str) -> None:
        """Something is not, and what to do."""
        self.wrong += 1
        self._say(f"WRONG    {what}\n         {advice}")

    def could_not_look(self, what: str, error: Exception, advice: str = "") -> None:
        """Something nobody could see: not wrong, and not well."""
        self.unknown += 1
        self._say(f"UNKNOWN  {what}: {error}" + (f"\n         {advice}" if advice else ""))

    def _say(self, text: str) -> None:
        self.lines.append(text)
        print(text, flush=True)

    @property
    def exit_code(self) -> int:
        """2 where not all could be looked at, 1 where something is wrong, else 0."""
        return 2 if self.unknown else 1 if self.wrong else 0


@dataclass(frozen=True)
class Deployment:
    """What is deployed, as Terraform's outputs say."""

    values: Mapping[str, Any]

    @classmethod
    def read(cls, text: str) -> Deployment:
        """From the text of `terraform output -json`."""
        outputs = json.loads(text)
        if not isinstance(outputs, dict) or "entries_topic" not in outputs:
            raise SystemExit("scripts/verify: nothing is deployed: these outputs name no entries_topic")
        return cls({name: item["value"] for name, item in outputs.items()})

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def place(self) -> str:
        """Where functions and schedules live."""
        return f"projects/{self['project_id']}/locations/{self['region']}"


def canary(nonce: str, action: str, now: datetime, project: str) -> dict[str, Any]:
    """A log entry of a project that is not there: a role on a service account, granted or taken back."""
    account = f"canary-{nonce}@{project}.iam.gserviceaccount.com"
    name = f"projects/-/serviceAccounts/{account}"
    when = now.isoformat().replace("+00:00", "Z")
    delta = {
        "action": action,
        "role": "roles/iam.serviceAccountTokenCreator",
        "member": f"serviceAccount:nobody@{project}.iam.gserviceaccount.com",
    }
    permission = {"permission": "iam.serviceAccounts.setIamPolicy", "granted": True, "resource": name}
    return {
        "logName": f"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity",
        "insertId": f"canary-{nonce}-{action.lower()}",
        "timestamp": when,
        "receiveTimestamp": when,
        "severity": "NOTICE",
        "resource": {"type": "service_account", "labels": {"project_id": project, "email_id": account}},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": "iam.googleapis.com",
            "methodName": "google.iam.admin.v1.SetIAMPolicy",
            "resourceName": name,
            "authenticationInfo": {"principalEmail": f"scripts-verify@{project}.iam.gserviceaccount.com"},
            "requestMetadata": {"callerIp": "192.0.2.1", "callerSuppliedUserAgent": "bindwatch-verify"},
            "authorizationInfo": [permission],
            "serviceData": {
                "@type": "type.googleapis.com/google.iam.v1.logging.AuditData",
                "policyDelta": {"bindingDeltas": [delta]},
            },
            "status": {},
        },
    }


def look_at_functions(cloud: Cloud, deployment: Deployment, report: Report) -> None:
    """Each is active, runs as its own identity, and is reached from inside only."""
    for function in deployment["functions"].values():
        what = f"function {function['name']}"
        try:
            found = cloud.ask("GET", "cloudfunctions", f"v2/{deployment.place}/functions/{function['name']}")
        except NotAskedError as error:
            report.could_not_look(what, error, "needs cloudfunctions.functions.get on the project")
            continue
        config = found.get("serviceConfig", {})
        if found.get("state") != "ACTIVE":
            messages = "; ".join(item.get("message", "") for item in found.get("stateMessages", []))
            report.bad(f"{what} is {found.get('state')}: {messages}", "Look at its build and its first log lines.")
        elif config.get("serviceAccountEmail") != function["account"]:
            report.bad(f"{what} runs as {config.get('serviceAccountEmail')}", "Run scripts/deploy: it was changed.")
        else:
            report.well(f"{what} is active, as {function['account']}, {config.get('ingressSettings')}")


def look_at_sink(cloud: Cloud, deployment: Deployment, report: Report) -> None:
    """It is there, lets through what the rules read, and its writer may publish."""
    sink = deployment["sink"]
    try:
        found = cloud.ask("GET", "logging", f"v2/{sink['name']}")
    except NotAskedError as error:
        report.could_not_look(f"sink {sink['name']}", error, "needs logging.sinks.get on the scope")
        return
    if found.get("disabled"):
        report.bad(f"sink {sink['name']} is disabled", "Nothing that happens now is seen: run scripts/deploy.")
    elif found.get("filter", "").split() != deployment["sink_filter"].split():
        report.bad(f"sink {sink['name']} has another filter", "Run scripts/deploy: it was changed by hand.")
    elif not found.get("destination", "").endswith(deployment["entries_topic"]):
        report.bad(f"sink {sink['name']} sends to {found.get('destination')}", "Run scripts/deploy: it was changed.")
    else:
        report.well(f"sink {sink['name']} lets through what the rules read")
    what = f"{found.get('writerIdentity')} may publish to {deployment['entries_topic']}"
    try:
        policy = cloud.ask("GET", "pubsub", f"v1/{deployment['entries_topic']}:getIamPolicy")
    except NotAskedError as error:
        report.could_not_look(what, error, "needs pubsub.topics.getIamPolicy on the topic")
        return
    granted = any(
        binding["role"] == "roles/pubsub.publisher" and found.get("writerIdentity") in binding.get("members", [])
        for binding in policy.get("bindings", [])
    )
    if granted:
        report.well(what)
    else:
        report.bad(
            f"not granted: {what}", "Entries are dropped: run scripts/deploy; an organization policy may forbid it."
        )


def look_at_schedules(cloud: Cloud, deployment: Deployment, report: Report, now: datetime) -> None:
    """The last start of each was answered well: internal ingress and the identity of the scheduler do fit."""
    for name in ("sweep", "audit"):
        job = f"{deployment['name']}-{name}"
        try:
            found = cloud.ask("GET", "cloudscheduler", f"v1/{deployment.place}/jobs/{job}")
        except NotAskedError as error:
            report.could_not_look(f"schedule {job}", error, "needs cloudscheduler.jobs.get on the project")
            continue
        code = found.get("status", {}).get("code", 0)
        last = found.get("lastAttemptTime")
        if found.get("state") != "ENABLED":
            report.bad(f"schedule {job} is {found.get('state')}", "Resume it, or run scripts/deploy.")
        elif last is None:
            report.could_not_look(f"schedule {job}", Exception("it has not started yet"), "Run scripts/verify later.")
        elif code in (5, 7, 16):
            report.bad(
                f"schedule {job} does not reach its function (code {code})",
                f'Set functions = {{ {name} = {{ ingress = "ALLOW_ALL" }} }}: callers still need an identity.',
            )
        elif name == "audit" and code == 14:
            report.well(f"schedule {job}: an audit was begun and goes on at the next start")
        elif code:
            report.bad(f"schedule {job} failed with code {code}", "The log of the function says why.")
        elif name == "sweep" and now - _time(last) > timedelta(minutes=15):
            report.bad(f"schedule {job} last started at {last}", "It should each minute: look whether it was changed.")
        else:
            report.well(f"schedule {job} was answered at {last}")


def look_at_roles(cloud: Cloud, deployment: Deployment, report: Report) -> None:
    """Custom roles hold what they were given: a permission that none may hold is left out by IAM in some scopes."""
    for role, wanted in deployment["custom_roles"].items():
        try:
            found = cloud.ask("GET", "iam", f"v1/{role}")
        except NotAskedError as error:
            report.could_not_look(f"role {role}", error, "needs iam.roles.get")
            continue
        missing = sorted(set(wanted) - set(found.get("includedPermissions", [])))
        if missing or found.get("deleted"):
            report.bad(f"role {role} lacks {', '.join(missing) or 'all: it is deleted'}", "Run scripts/deploy.")
        else:
            report.well(f"role {role} holds its {len(wanted)} permissions")


def send_canary(
    cloud: Cloud, deployment: Deployment, report: Report, *, patience: float, pause: float, nonce: str
) -> None:
    """Publish a grant that nobody made, and wait until it is a finding and an alert; then take it back."""
    project = deployment["canary_project"]
    try:
        for action, state in (("ADD", "OPEN"), ("REMOVE", "RESOLVED")):
            entry = canary(nonce, action, datetime.now(UTC), project)
            data = base64.b64encode(json.dumps(entry).encode()).decode()
            attributes = {"logging.googleapis.com/timestamp": entry["timestamp"]}
            body = {"messages": [{"data": data, "attributes": attributes}]}
            cloud.ask("POST", "pubsub", f"v1/{deployment['entries_topic']}:publish", body)
            began = time.monotonic()
            stored = _wait(lambda state=state: _is_stored(cloud, deployment, nonce, state), patience, pause)
            if not stored:
                report.bad(f"the canary is not {state} in {deployment['dataset']} after {patience:.0f} s", WHERE_IT_IS)
                return
            report.well(f"the canary is {state} in {deployment['dataset']} after {time.monotonic() - began:.0f} s")
            told = _wait(lambda state=state: _is_told(cloud, deployment, nonce, state), patience, pause)
            if not told:
                report.bad(f"no alert says that the canary is {state}", NOT_TOLD)
                return
            report.well(f"an alert says that the canary is {state}")
    except NotAskedError as error:
        report.could_not_look("the canary", error, WHO_MAY)


WHERE_IT_IS = (
    "It waits in the subscription bindwatch-entries (on_log_entry refuses: see its log), lies with the dead letters, "
    "or was never pushed (Pub/Sub may not call the function: see docs/operations.md#lag)."
)
NOT_TOLD = "It is due and the sweep tries each minute: the log of on_log_entry and sweep says what the topic refused."
WHO_MAY = (
    "needs pubsub.publisher on the entries topic, pubsub.subscriber on the canary subscription, and on the dataset "
    "bigquery.dataViewer with bigquery.jobUser on the project"
)


def _is_stored(cloud: Cloud, deployment: Deployment, nonce: str, state: str) -> bool:
    query = (
        f"select state from `{deployment['dataset']}.findings` "  # noqa: S608  our own dataset's name
        "where rule_id = @rule and project = @project and contains_substr(resource_name, @nonce)"
    )
    values = {"rule": RULE, "project": deployment["canary_project"], "nonce": nonce}
    parameters = [
        {"name": name, "parameterType": {"type": "STRING"}, "parameterValue": {"value": value}}
        for name, value in values.items()
    ]
    body = {"query": query, "useLegacySql": False, "parameterMode": "NAMED", "queryParameters": parameters}
    answer = cloud.ask("POST", "bigquery", f"bigquery/v2/projects/{deployment['project_id']}/queries", body)
    return [row["f"][0]["v"] for row in answer.get("rows", [])] == [state]


def _is_told(cloud: Cloud, deployment: Deployment, nonce: str, state: str) -> bool:
    subscription = deployment["canary_subscription"]
    answer = cloud.ask("POST", "pubsub", f"v1/{subscription}:pull", {"maxMessages": 100})
    received = answer.get("receivedMessages", [])
    if received:  # those of earlier runs too: nobody else reads here
        ids = [item["ackId"] for item in received]
        cloud.ask("POST", "pubsub", f"v1/{subscription}:acknowledge", {"ackIds": ids})
    for item in received:
        alert = json.loads(base64.b64decode(item["message"]["data"]))
        if nonce in alert.get("finding", {}).get("resource_name", "") and alert.get("state") == state:
            return True
    return False


def _wait(is_so: Callable[[], bool], patience: float, pause: float) -> bool:
    until = time.monotonic() + patience
    while True:
        if is_so():
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(pause)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def plan(deployment: Deployment, *, with_canary: bool) -> Iterator[str]:
    """What would be looked at and sent."""
    for function in deployment["functions"].values():
        yield f"would look at function {function['name']}"
    yield f"would look at sink {deployment['sink']['name']} and who may publish to {deployment['entries_topic']}"
    yield f"would look at schedules {deployment['name']}-sweep and {deployment['name']}-audit"
    for role in deployment["custom_roles"]:
        yield f"would look at role {role}"
    if with_canary:
        yield f"would publish 2 log entries of project {deployment['canary_project']} to {deployment['entries_topic']}"
        yield f"would query {deployment['dataset']}.findings and pull {deployment['canary_subscription']}"


def _outputs(path: str) -> str:
    if path:
        return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    done = subprocess.run([ROOT / "scripts/on_infra", "output", "-json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"scripts/verify: terraform knows of no deployment: {done.stderr.strip()[-300:]}")
    return done.stdout


def _token() -> str:
    if os.environ.get(ENDPOINT):
        return "none"
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request

    try:
        credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
        credentials.refresh(Request())
    except GoogleAuthError as error:
        print(f"scripts/verify: no credentials: {error}\nTry: gcloud auth application-default login", file=sys.stderr)
        raise SystemExit(2) from error
    return str(credentials.token)


def main(arguments: Sequence[str]) -> int:
    """Look, and say."""
    parser = argparse.ArgumentParser(prog="scripts/verify", description="Whether the deployed system works.")
    parser.add_argument("--outputs", default="", help="what `terraform output -json` wrote; - for stdin")
    parser.add_argument("--dry-run", action="store_true", help="say what would be looked at and sent")
    parser.add_argument("--no-canary", action="store_true", help="look at the parts only")
    parser.add_argument("--patience", type=float, default=180, help="seconds to wait for each step of the canary")
    parser.add_argument("--pause", type=float, default=5, help="seconds between two looks")
    options = parser.parse_args(arguments)
    deployment = Deployment.read(_outputs(options.outputs))
    if options.dry_run:
        print("\n".join(plan(deployment, with_canary=not options.no_canary)))
        return 0
    cloud = Cloud(_token(), os.environ.get(ENDPOINT, ""))
    report = Report()
    look_at_functions(cloud, deployment, report)
    look_at_sink(cloud, deployment, report)
    look_at_schedules(cloud, deployment, report, datetime.now(UTC))
    look_at_roles(cloud, deployment, report)
    if not options.no_canary:
        nonce = uuid.uuid4().hex[:12]
        send_canary(cloud, deployment, report, patience=options.patience, pause=options.pause, nonce=nonce)
    print(f"{report.wrong} wrong, {report.unknown} not known")
    return report.exit_code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
