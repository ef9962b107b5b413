"""Window rules for what is new or does not fit together: places, tools, volumes, accounts, tokens nobody minted."""

from collections.abc import Iterator
from typing import Final

from bindwatch.model.change import SetServiceAccountEnabled, SetServiceAccountKeyEnabled, remedy
from bindwatch.model.finding import Category, Confidence, Severity
from bindwatch.model.principal import parse_email
from bindwatch.rule import Context, Match, Rule, WindowRow, window_rule
from bindwatch.rules.callers import is_person
from bindwatch.rules.methods import EXCHANGE, MINT, SIGN_IN
from bindwatch.rules.windows.rows import caller_of, is_automation, origin_of


def _place(row: WindowRow) -> str:
    return row.resource or f"//cloudresourcemanager.googleapis.com/projects/{row.project}"


@window_rule(
    "new-place",
    Severity.MEDIUM,
    Category.THREAT,
    outside=["geoip"],
    techniques=["T1078.004"],
    equivalents=[
        "elastic:ml_gcp_rare_method_by_city",
        "elastic:ml_gcp_rare_method_by_country",
        "elastic:credential_access_gcp_gke_secrets_list_unusual_source_asn",
        "scc:IAM_ANOMALOUS_BEHAVIOR_IP_GEOLOCATION",
        "scc:AI_IAM_ANOMALOUS_BEHAVIOR_IP_GEOLOCATION",
    ],
)
def new_place(row: WindowRow, context: Context) -> Iterator[Match]:
    """Somebody called from a country or a network they had never called from before.

    ## Why it matters
    A program runs where it always ran. When it calls from elsewhere, its credential is elsewhere too.

    ## What to do
    Find out whether it was moved. If not, disable the account or key. Ask a person whether they travel.

    ## Known false positives
    Journeys, and moves to another provider. A new country is MEDIUM for programs and LOW for people; a new network LOW
    and INFO.

    ## Blind spots
    Off without a database (`[outside].geoip`); the network needs one of ASNs. The first fourteen days of a caller. An
    intruder in the same cloud region.
    """
    kind, _, name = "".join(row.items).partition(":")
    person = is_person(parse_email(row.caller_name))
    severity = Severity.LOW if person else Severity.MEDIUM
    if kind == "network":
        severity = Severity.INFO if person else Severity.LOW
    yield Match(
        subject=f"{row.caller} from {kind} {name}",
        title=f"{caller_of(row)} called from the {kind} {name} for the first time",
        resource_name=_place(row),
        severity=Severity.INFO if is_automation(row, context) else severity,
        confidence=Confidence.MEDIUM,
        notes=(f"Its places are known since {row.known_since}.", *origin_of(row)),
    )


@window_rule(
    "new-user-agent",
    Severity.LOW,
    Category.THREAT,
    techniques=["T1078.004"],
    equivalents=[
        "scc:IAM_ANOMALOUS_BEHAVIOR_USER_AGENT",
        "sentinel:GCPIAMRareUA",
        "elastic:credential_access_gcp_gke_secret_access_via_unusual_user_agent",
    ],
)
def new_user_agent(row: WindowRow, context: Context) -> Iterator[Match]:
    """A service account called with a tool it had never used before.

    ## Why it matters
    A program keeps its library for months. gcloud, curl or a browser under the name of a service account is a person
    with its credential.

    ## What to do
    Ask its owner whether the program was changed; look at where the call came from.

    ## Known false positives
    New versions that changed their library: hence LOW. Tools of people (gcloud, curl, kubectl) are MEDIUM.

    ## Blind spots
    The first fourteen days of an account. A user agent is what the caller says it is.
    """
    tool = "".join(row.items)
    by_hand = tool.lower() in _BY_HAND
    yield Match(
        subject=f"{row.caller} with {tool}",
        title=f"{caller_of(row)} called with {tool} for the first time",
        resource_name=_place(row),
        severity=Severity.INFO if is_automation(row, context) else Severity.MEDIUM if by_hand else Severity.LOW,
        confidence=Confidence.MEDIUM,
        notes=(f"Its tools are known since {row.known_since}.", *origin_of(row)),
    )


_BY_HAND: Final = frozenset(
    {"google-cloud-sdk", "gcloud", "curl", "wget", "mozilla", "kubectl", "gsutil", "postmanruntime", "httpie"}
)


@window_rule(
    "unusual-volume",
    Severity.LOW,
    Category.THREAT,
    techniques=["T1106"],
    equivalents=["csa:4.01"],
)
def unusual_volume(row: WindowRow, context: Context) -> Iterator[Match]:
    """Somebody called far more often today than on any usual day.

    ## Why it matters
    Whoever collects with a stolen credential is in a hurry.

    ## What to do
    Look at what was called: `bindwatch query did_what`.

    ## Known false positives
    Migrations, load tests, month's end: hence LOW.

    ## Blind spots
    Fewer than 500 calls a day, and the first fourteen days of a caller. Only calls that reach bindwatch are counted.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} made {row.calls} calls today, where {''.join(row.items)} a day are usual",
        resource_name=f"//cloudresourcemanager.googleapis.com/projects/{row.project}" if row.project else "",
        severity=Severity.INFO if is_automation(row, context) else Severity.LOW,
        confidence=Confidence.MEDIUM,
        notes=(f"Counted since {row.known_since}.", *origin_of(row)),
    )


@window_rule(
    "new-key-used-elsewhere",
    Severity.HIGH,
    Category.THREAT,
    techniques=["T1098.001", "T1078.004"],
)
def new_key_used_elsewhere(row: WindowRow, context: Context) -> Iterator[Match]:
    """A key of a service account was used from another network within an hour of being made.

    ## Why it matters
    Who takes over a session makes a key with it and goes on from a place of their own: the session can end, the key
    works on.

    ## What to do
    Ask who made the key. If nobody answers for it, disable it, then read what was done with it.

    ## Known false positives
    A key made for a server of one's own, and tried there at once: MEDIUM for a service account, LOW for named
    automation.

    ## Blind spots
    Compute Engine and App Engine do not log which key was used. A key whose first use is later than an hour after.
    Files are judged with `--store` only.
    """
    minutes = row.calls // 60
    when = f"{minutes} minutes" if minutes != 1 else "a minute"
    maker = parse_email(row.caller_name)
    severity = Severity.HIGH if is_person(maker) or maker is None else Severity.MEDIUM
    key_id, address = row.items[0], row.items[-1]
    yield Match(
        subject=key_id,
        title=f"A key of {row.target} was used from {address}, {when} after {caller_of(row)} made it",
        resource_name=row.resource,
        severity=Severity.LOW if is_automation(row, context) else severity,
        notes=origin_of(row),
        remediation=remedy(
            "Disable the key until somebody answers for it",
            SetServiceAccountKeyEnabled(row.target, key_id, False, row.project),
            risk="Whatever signs in with this key stops working.",
        ),
    )


@window_rule(
    "new-account-empowered",
    Severity.HIGH,
    Category.THREAT,
    techniques=["T1136.003", "T1098.003"],
    equivalents=[
        "stratus:gcp.persistence.create-admin-service-account",
        "scc:SERVICE_ACCOUNT_EDITOR_OWNER",
        "secops:gcp_admin_privileged_roles_added_to_service_accounts",
    ],
)
def new_account_empowered(row: WindowRow, context: Context) -> Iterator[Match]:
    """A service account was made and given a role that leads to more within an hour.

    ## Why it matters
    It is how an intruder builds a way back in: an account of their own, with the power of the one they took.

    ## What to do
    Ask who made it. If nobody answers for it, disable it; then take the role away and look for keys of it.

    ## Known false positives
    The set-up of a project by code: LOW for named automation and Google's agents.

    ## Blind spots
    A role that is given later than an hour after.
    """
    minutes = row.calls // 60
    when = f"{minutes} minutes" if minutes != 1 else "a minute"
    project = row.project
    yield Match(
        subject=f"{row.target} {''.join(row.items).partition(' ')[0]}",
        title=f"{row.target} was made by {caller_of(row)} and {when} later held {''.join(row.items).partition(' ')[0]}",
        resource_name=row.resource,
        severity=Severity.LOW if is_automation(row, context) else Severity.HIGH,
        notes=origin_of(row),
        remediation=remedy(
            "Disable it until somebody answers for it",
            SetServiceAccountEnabled(row.target, False, project),
            risk="Whatever runs as the account fails at once.",
        ),
    )


@window_rule(
    "delegation-without-mint",
    Severity.LOW,
    Category.THREAT,
    techniques=["T1550.001", "T1548.005"],
)
def delegation_without_mint(row: WindowRow, context: Context) -> Iterator[Match]:
    """Somebody acted through a service account, and nobody was seen to mint a token for it.

    ## Why it matters
    Each such call needs a token that was minted in the hour before. One without is a token that was minted where nobody
    looks: from another organization's logs, past the sink, or with a longer life than tokens should have.

    ## What to do
    See whether Data Access logs of IAM are on, and exempt nobody, in the project of the account, and whether the sink
    passes them. Then ask who was behind the call.

    ## Known false positives
    Entries that came late; accounts whose tokens may live twelve hours
    (`constraints/iam.allowServiceAccountCredentialLifetimeExtension`).

    ## Blind spots
    Accounts whose mints were never seen are not judged; a mint that nobody uses afterwards is for `mint-without-use`.
    App Engine and GKE do not log who delegated.
    """
    via = "".join(row.items)
    yield Match(
        subject=f"{via} as {row.caller}",
        title=f"{via.partition(':')[2] or via} acted as {caller_of(row)}, with a token nobody was seen to mint",
        resource_name=_place(row),
        severity=Severity.INFO if is_automation(row, context) else Severity.LOW,
        confidence=Confidence.LOW,
        principal=via,
        notes=origin_of(row),
    )


@window_rule(
    "mint-without-use",
    Severity.INFO,
    Category.THREAT,
    methods=MINT,
    techniques=["T1550.001", "T1087.004"],
)
def mint_without_use(row: WindowRow, context: Context) -> Iterator[Match]:
    """A person minted a token for a service account, and nothing was done with it that any log shows.

    ## Why it matters
    Whoever tries out what a stolen session can become mints and goes on to the next. Or the token was carried to where
    no log of yours is.

    ## What to do
    Ask the person. If it was not them, disable the account: its tokens end with it.

    ## Known false positives
    Somebody who only read: most reads are in no log. Hence INFO, and only for people who are otherwise seen acting
    through the account.

    ## Blind spots
    Pods and pipelines mint ahead of need and are not judged; nor are pairs of a person and an account that are new (see
    `new-impersonator`).
    """
    yield Match(
        subject=f"{row.caller} as {row.target}",
        title=f"{caller_of(row)} minted a token for {row.target}, and was not seen to use it within the hour",
        resource_name=_place(row),
        severity=Severity.INFO,
        confidence=Confidence.LOW,
        notes=origin_of(row),
    )


@window_rule(
    "new-federated-subject",
    Severity.LOW,
    Category.THREAT,
    methods=(*EXCHANGE, *SIGN_IN),
    techniques=["T1078.004", "T1199"],
)
def new_federated_subject(row: WindowRow, context: Context) -> Iterator[Match]:
    """An identity of another system was let in for the first time, through a provider that few others use.

    ## Why it matters
    Whoever comes through a provider of identities needs no account, key or binding that names them: an attribute or a
    whole pool may be enough. A provider for three repositories knows its three subjects.

    ## What to do
    Find the subject in the other system. If nobody knows it, tighten the attribute condition of the provider, and look
    at what was done since as the identity it became.

    ## Known false positives
    A new pipeline, branch or colleague: hence LOW.

    ## Blind spots
    The first fourteen days of a provider, and providers with more than twenty subjects in ninety days. Data Access logs
    (ADMIN_READ) of sts.googleapis.com must be on; some exchanges are in no log.
    """
    others = "".join(row.items)
    provider = row.resource.rpartition("/")[2]
    yield Match(
        subject=f"{row.caller} through {row.resource.partition('//')[2].partition('/')[2] or provider}",
        title=f"{caller_of(row)} came in through the identity provider {provider} for the first time",
        resource_name=_place(row),
        severity=Severity.LOW,
        confidence=Confidence.MEDIUM,
        notes=(f"Known since {row.known_since}, with {others} other subjects.", *origin_of(row)),
    )


@window_rule(
    "new-impersonator",
    Severity.MEDIUM,
    Category.THREAT,
    methods=MINT,
    techniques=["T1548.005", "T1078.004"],
    equivalents=[
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATION_OF_SA_ADMIN_ACTIVITY",
        "scc:AI_ANOMALOUS_SA_DELEGATION_IMPERSONATION_OF_SA_ADMIN_ACTIVITY",
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATOR_ADMIN_ACTIVITY",
        "scc:ANOMALOUS_SA_DELEGATION_IMPERSONATOR_DATA_ACCESS",
    ],
)
def new_impersonator(row: WindowRow, context: Context) -> Iterator[Match]:
    """Somebody got the credentials of a service account for the first time, weeks after others had begun to.

    ## Why it matters
    Who becomes which account is a habit: the same pods and pipelines, day after day. A new pair is a new deployment or
    somebody who found a way in. For an account that only pods use, a caller that is no pod is HIGH from the first day.

    ## What to do
    Ask the owner of the account whether it has a new user. If not, take the caller's role on it away and disable the
    account until it is known what was done.

    ## Known false positives
    New pipelines and people on call. Pairs that the settings name as `automation` are INFO.

    ## Blind spots
    The first fourteen days of an account, and whatever was already going on when bindwatch was installed.
    """
    no_pod = "not-a-pod" in row.items
    notes = [f"Others have used {row.target} since {row.known_since}.", *origin_of(row)]
    if no_pod:
        notes.insert(0, "It is an account of pods: until now the GKE metadata server alone minted for it.")
    yield Match(
        subject=f"{row.caller} as {row.target}",
        title=f"{caller_of(row)} became {row.target} for the first time",
        severity=Severity.INFO if is_automation(row, context) else Severity.HIGH if no_pod else Severity.MEDIUM,
        notes=tuple(notes),
    )


@window_rule(
    "dormant-identity-active",
    Severity.MEDIUM,
    Category.THREAT,
    techniques=["T1078.004"],
    equivalents=["scc:DORMANT_SERVICE_ACCOUNT_USED_IN_ACTION", "scc:AI_DORMANT_SERVICE_ACCOUNT_USED_IN_ACTION"],
)
def dormant_identity_active(row: WindowRow, context: Context) -> Iterator[Match]:
    """A service account acted again after sixty days of silence.

    ## Why it matters
    Accounts that nobody uses are accounts that nobody watches; their keys lie in old repositories and backups.

    ## What to do
    Ask its owner. If nobody answers for it: disable the account and delete its keys.

    ## Known false positives
    Jobs that run once a quarter, and projects that are taken up again.

    ## Blind spots
    Only what the log sink sends is activity: an account that reads data all day and changes nothing looks silent where
    Data Access logs are off.
    """
    yield Match(
        subject=row.caller,
        title=f"{caller_of(row)} acted again, for the first time since {row.known_since}",
        severity=Severity.INFO if is_automation(row, context) else Severity.MEDIUM,
        notes=origin_of(row),
    )


RULES: Final[tuple[Rule[WindowRow], ...]] = (
    new_place,
    new_user_agent,
    unusual_volume,
    new_account_empowered,
    new_key_used_elsewhere,
    delegation_without_mint,
    mint_without_use,
    new_federated_subject,
    new_impersonator,
    dormant_identity_active,
)
