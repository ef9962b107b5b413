"""Reports of any size for tests and benchmarks: findings as a store gives them, hostile ones included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from bindwatch.cli.page.contents import Changes, Coverage, DayCount, Gap, Look, Minter, Report, card_of, told
from bindwatch.model.finding import Category, Severity

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PROJECTS = 200
CATEGORIES = tuple(Category)
RULES = tuple(f"sample-rule-{number}" for number in range(40))
EXPLANATION = (
    "What a principal can do is what the strongest identity it can come to can do. Each step is a permission that "
    "somebody granted for a smaller purpose ({})."
)


def team_of(project: str) -> str:
    """One of ten teams."""
    return f"team-{int(project.rpartition('-')[2]) % 10}" if project else ""


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A finding as `store/find` answers: no two alike in who, what and where, alike in what their rule says."""
    project = f"example-project-{number % PROJECTS}"
    account = f"worker-{number}@{project}.iam.gserviceaccount.com"
    member = f"serviceAccount:{project}.svc.id.goog[team-{number % 23}/worker-{number}]"
    resource = f"//iam.googleapis.com/projects/{project}/serviceAccounts/{account}"
    command = f"gcloud iam service-accounts remove-iam-policy-binding {account} --project={project}"
    chance = sha256(str(number).encode()).hexdigest()  # insert ids and etags are not to be guessed, nor to be packed
    opened = NOW - timedelta(hours=7 * number % 4000)
    severity = Severity(4 - min(4, number % 11 // 2))
    return {
        "finding_id": chance[32:],
        "rule_id": RULES[number % len(RULES)],
        "severity": severity.name,
        "confidence": "high" if number % 5 else "medium",
        "category": CATEGORIES[number % len(CATEGORIES)].value,
        "title": f"{member} can become {account} through roles/iam.serviceAccountTokenCreator, as {number} shows",
        "explanation": EXPLANATION.format(RULES[number % len(RULES)]),
        "resource_name": resource,
        "project": project,
        "principal": member,
        "subject": member,
        "evidence": [
            {
                "log_name": f"projects/{project}/logs/cloudaudit.googleapis.com%2Factivity",
                "insert_id": chance[:14],
                "timestamp": opened.isoformat(),
                "url": f"https://console.cloud.google.com/logs/query;query={chance[:14]}?project={project}",
            },
            {"asset": resource, "etag": f"Bw{number:x}{chance[20:28]}="},
        ],
        "notes": [
            f"{member} → serviceAccount:{account}: roles/iam.serviceAccountTokenCreator on service account {account}",
            f"{account} was used {number} times",
        ],
        "cause": "",
        "ruled_out": ["gsa-disabled", "gsa-deleted"] if number % 3 == 0 else [],
        "remediation": {
            "summary": f"Remove roles/iam.serviceAccountTokenCreator from {member}",
            "commands": [f"{command} --role=roles/iam.serviceAccountTokenCreator '--member={member}'"],
            "terraform": "",
            "risk_of_fix": "Whatever works through this grant loses access at once.",
            "undo": [f"{command.replace('remove', 'add')} --role=roles/iam.serviceAccountTokenCreator"],
        },
        "techniques": ["T1078.004"],
        "score": 99 - number % 60,
        "first_seen": opened.isoformat(),
        "last_seen": NOW.isoformat(),
        "count": 1 + number % 7,
        "opened_at": opened.isoformat(),
        **fields,
    }


def report(rows: Sequence[dict[str, Any]]) -> Report:
    """A report of these findings, a tenth of them new."""
    cards = [card_of(found, NOW, team_of) for found in rows]
    cards.sort(key=lambda card: -Severity[card["severity"]])
    changes = Changes(since="2026-02-23 12:00", news={card["id"]: "new" for card in cards[::10]})
    return Report(
        heading="example.com",
        as_of=NOW,
        cards=told(cards, changes),
        changes=changes,
        coverage=Coverage(
            looks=(Look("organization 112233445566", "2026-03-02 11:00", 1_204_331),),
            gaps=(Gap("api keys", "project example-project-3", "403: the API is off", ("api-key-exists",)),),
        ),
        history=tuple(_history(len(rows))),
        minters=tuple(Minter(f"worker-{n}", "gke-metadata-server", 1000 // n, n, 1) for n in range(1, 9)),
        not_drawn="Nothing was drawn.",
    )


def _history(total: int) -> Iterator[DayCount]:
    for days in range(90, -1, -3):
        share = total * (120 - days) // 120
        yield DayCount(NOW - timedelta(days=days), {"CRITICAL": share // 9, "HIGH": share // 3, "LOW": share // 2})
