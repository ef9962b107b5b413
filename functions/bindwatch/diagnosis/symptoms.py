"""Error texts as clients, gcloud, the metadata server and Google's APIs print them, and the causes each can have.

Recognition is by the words that are stable across versions and languages of the client libraries; nothing of the text
but those words is kept, since what stands around them may hold a token. Within a symptom the causes are in the order in
which they are met in practice; the checks of the chain decide between them.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_LONGEST: Final = 20_000


@dataclass(frozen=True, slots=True)
class Symptom:
    """One kind of error text.

    `decides` are the causes that the text alone shows, without a look at anything else. `hides` are the symptoms whose
    words such a text has as well, and which say less: any refusal is a 403.
    """

    id: str
    title: str
    pattern: re.Pattern[str]
    causes: tuple[str, ...]
    decides: tuple[str, ...] = ()
    hides: frozenset[str] = frozenset()


def _symptom(name: str, title: str, pattern: str, causes: str, decides: str = "", hides: str = "") -> Symptom:
    return Symptom(
        name,
        title,
        re.compile(pattern, re.IGNORECASE | re.DOTALL),
        tuple(causes.split()),
        tuple(decides.split()),
        frozenset(hides.split()),
    )


_FILE_OF_FLEET: Final = (
    r"(?:/var/run/secrets/(?!kubernetes\.io)[^\s\"']{0,80}|/var/run/service-account/\S{0,40}"
    r"|google-application-credentials\.json)"
)
_NO_FILE: Final = (
    r"(?:no such file|not found|cannot find|ENOENT|does not exist|(?:failed|unable) to open|could not open)"
)
_API_OFF: Final = r"(?:SERVICE_DISABLED|accessNotConfigured|has not been used in project|API \[[a-z.]+\] not enabled)"
_OTHER_API: Final = (
    r"(?:apis/(?:api|library)/|\bservice\\?[\"']?: ?\\?[\"']?|API \[|services/)"
    r"(?!iamcredentials\.|iam\.|sts\.)[a-z]+\.googleapis\.com"
)
_MDS: Final = r"(?:169\.254\.169\.25[24]|metadata\.google\.internal|computeMetadata|Compute Engine metadata)"
# The paths of tokens are always there: a 404 for one tells of the account.
_BUT_OF_TOKENS: Final = r"(?!instance/service-accounts/[^\s/]+/(?:token|identity))"
_LATE: Final = r"(?:i/o timeout|timed? ?out|timeout|deadline exceeded|ETIMEDOUT)"

# The more telling a text, the earlier it stands: of several symptoms in one text, the first leads.
SYMPTOMS: Final[tuple[Symptom, ...]] = (
    _symptom(
        "perimeter",
        "a service perimeter refused the call",
        r"vpcServiceControlsUniqueIdentifier|SECURITY_POLICY_VIOLATED|prohibited by organization'?s policy",
        "vpc-sc-blocked org-policy-blocked",
        "vpc-sc-blocked",
        hides="target-denied",
    ),
    _symptom(
        "other-api-disabled",
        "an API that the call needs is switched off",
        rf"{_API_OFF}[^\n]{{0,400}}{_OTHER_API}|{_OTHER_API}[^\n]{{0,400}}{_API_OFF}",
        "iamcredentials-api-disabled",
        hides="api-disabled gsa-disabled target-denied",
    ),
    _symptom(
        "api-disabled",
        "the API that mints tokens is switched off",
        r"SERVICE_DISABLED"
        r"|(?:iamcredentials\.googleapis\.com|IAM Service Account Credentials API)[^\n]{0,120}"
        r"(?:has not been used|is disabled|not enabled)"
        r"|API \[iamcredentials\.googleapis\.com\] not enabled",
        "iamcredentials-api-disabled",
        "iamcredentials-api-disabled",
        hides="gsa-disabled target-denied",
    ),
    _symptom(
        "constraint",
        "an organization policy refused a change",
        r"constraints/[a-z]+\.[a-zA-Z.]+|do(?:es)? not belong to a permitted customer"
        r"|not in (?:a )?permitted organization"
        r"|(?:key|service account) creation is not allowed|violates? (?:an? )?org(?:anization)? policy"
        r"|org policy violated|violates constraint|iam\.allowedPolicyMemberDomains|iam\.disableServiceAccount",
        "org-policy-blocked",
        "org-policy-blocked",
    ),
    _symptom(
        "deny-policy",
        "a deny policy refused the call",
        r"den(?:y|ied by) (?:an? )?(?:IAM )?(?:deny )?polic(?:y|ies)(?! binding)|explicit(?:ly)? den(?:y|ied)"
        r"|denied by the deny policy|(?:by|due to|because of) (?:an? |the )?(?:IAM )?deny (?:policy|rule)",
        "deny-policy",
        "deny-policy",
        hides="target-denied",
    ),
    _symptom(
        "boundary",
        "a principal access boundary refused the call",
        r"principal.?access.?boundar|not eligible to access",
        "principal-access-boundary",
        "principal-access-boundary",
        hides="target-denied",
    ),
    _symptom(
        "scopes",
        "the token has too narrow scopes",
        r"insufficient authentication scopes|ACCESS_TOKEN_SCOPE_INSUFFICIENT|insufficient_scope"
        r"|Insufficient Permission\b(?!s)",
        "workload-identity-disabled node-pool-not-gke-metadata node-scopes-too-narrow host-network mixed-node-pools",
        hides="target-denied",
    ),
    _symptom(
        "quota",
        "the quota of token exchanges is used up",
        r"(?:sts\.googleapis\.com|iamcredentials|token exchange|ExchangeToken|SecurityTokenService|oauth2|access token"
        r"|computeMetadata|Generate credentials)"
        r"[^\n]{0,300}(?:QUOTA_EXCEEDED|RESOURCE_EXHAUSTED|\b429\b|rate.?limit|quota exceeded|too many requests)"
        r"|(?:QUOTA_EXCEEDED|RESOURCE_EXHAUSTED|\b429\b|quota exceeded|too many requests)[^\n]{0,300}"
        r"(?:sts\.googleapis\.com|iamcredentials|token exchange|ExchangeToken|SecurityTokenService|token_exchange"
        r"|computeMetadata|metadata server|Generate credentials)",
        "token-quota-exceeded too-many-metadata-connections",
        "token-quota-exceeded",
    ),
    _symptom(
        "account-of-pool",
        "the client used the pool's name as an e-mail",
        r"Invalid form of account ID|svc\.id\.goog[^\n]{0,60}(?:Should be|is not a valid (?:e-?mail|account))"
        r"|invalid[^\n]{0,40}service account[^\n]{0,60}svc\.id\.goog(?!\[)",
        "email-endpoint-returns-pool annotation-missing service-rejects-federated-token",
        "email-endpoint-returns-pool",
    ),
    _symptom(
        "audience",
        "an identity token was asked for without an audience",
        r"non-empty audience|audience (?:parameter|query)[^\n]{0,40}(?:required|missing)|missing[^\n]{0,20}audience",
        "audience-missing",
        "audience-missing",
        hides="token-not-defined",
    ),
    _symptom(
        "fleet-audience",
        "the token service does not know the audience",
        r"invalid_target|service indicated by the \\?\"?audience|audience\\?\"? parameters? (?:is|are) invalid"
        r"|Invalid value for \\?\"?audience|audience in (?:the )?(?:ID )?token|issuer in (?:the )?(?:ID )?token"
        r"|credential'?s issuer|(?:identity provider|provider)[^\n]{0,80}(?:does not exist|not found|disabled|deleted)",
        "fleet-pool-mismatch pool-of-another-project workload-identity-disabled",
        "fleet-pool-mismatch",
    ),
    _symptom(
        "no-pool",
        "the pool does not exist",
        r"identity (?:pool|namespace)[^\n]{0,80}(?:does not exist|not found|disabled|deleted|unknown)",
        "workload-identity-disabled fleet-pool-mismatch pool-of-another-project",
    ),
    _symptom(
        "token-file",
        "the projected token or its credential file is not there",
        rf"{_FILE_OF_FLEET}[^\n]{{0,120}}{_NO_FILE}|{_NO_FILE}[^\n]{{0,120}}{_FILE_OF_FLEET}"
        r"|externalaccount: failed to open credential file|failed to open subject token file",
        "projected-token-volume-missing fleet-pool-mismatch key-file-shadows-workload-identity",
        "projected-token-volume-missing",
    ),
    _symptom(
        "key-rejected",
        "a key of a service account is used, and refused",
        r"invalid_grant[^\n]{0,80}(?:JWT|signature|account not found|account deleted)|Invalid JWT Signature",
        "key-file-shadows-workload-identity",
        "key-file-shadows-workload-identity",
        hides="key-file",
    ),
    _symptom(
        "key-file",
        "a key file is used",
        r"(?:using|from|by|in|env(?:ironment)? var(?:iable)?:?) (?:the )?\$?GOOGLE_APPLICATION_CREDENTIALS"
        r"|GOOGLE_APPLICATION_CREDENTIALS[^\n]{0,40}(?: is set| points? to|=|[^\n]{0,80}no such file)"
        r"|could not (?:read|load|parse)[^\n]{0,80}(?:key|credentials?) (?:json )?file"
        r"|\.json was not found|private key",
        "key-file-shadows-workload-identity",
    ),
    _symptom(
        "no-such-account",
        "Google knows no account of that e-mail",
        r"Gaia id not found|Unknown service account|unknown user or service account",
        "gsa-not-found gsa-deleted annotation-shadows-direct-grant",
        "gsa-not-found",
        hides="token-not-defined gsa-unknown gsa-gone mint-denied target-denied",
    ),
    _symptom(
        "token-not-defined",
        "the metadata server has no token for the workload",
        r"GCE metadata \\*[\"'](?!instance/attributes|project/attributes)[^\n]{0,400}?\\*[\"'] not defined"
        r"|(?:token|service-accounts/default)[^\n]{0,300}\bnot defined\b"
        r"|(?:status|error) code:? (?:404|NotFound) trying to (?:fetch|get)[^\n]{0,160}(?:token|service-accounts)"
        r"|Status code is: NotFound|(?:Could not (?:refresh|fetch) (?:the )?access token|refresh access token)"
        r"[^\n]{0,200}\b404\b"
        r"|service-accounts/[^\s/]+/token[^\n]{0,120}\b404\b",
        "gsa-not-found gsa-deleted annotation-missing",
    ),
    _symptom(
        "token-service-timeout",
        "the token services cannot be reached",
        r"504 Gateway Time-?out|(?:sts|iamcredentials|oauth2|securetoken)\.googleapis\.com[^\n]{0,200}"
        r"(?:i/o timeout|timed? ?out|connection refused|unreachable|deadline exceeded|no such host|ENOTFOUND|EAI_AGAIN)"
        r"|(?:lookup|resolve|getaddrinfo\S*) (?:host )?(?:sts|iamcredentials|oauth2|securetoken)\.googleapis\.com"
        r"|metadata server[^\n]{0,160}(?:context deadline exceeded|\b504\b)|Gateway Time-?out"
        r"|(?:failed to setup service|prepare storage service)[^\n]{0,120}deadline exceeded",
        "node-cannot-reach-token-service control-plane-unreachable network-policy-blocks-metadata",
    ),
    _symptom(
        "identity-binding-token",
        "the pool that is asked for does not exist",
        r"(?:identitybindingtoken|idbindtoken)[^\n]{0,160}",
        "pool-of-another-project workload-identity-disabled fleet-pool-mismatch",
    ),
    _symptom(
        "sign-denied",
        "the account may not sign as itself or another",
        r"iam\.serviceAccounts\.sign(?:Blob|Jwt)|SigningError|signBlob|you need a private key to sign credentials",
        "target-role-missing role-cannot-mint delegate-missing-token-creator email-endpoint-returns-pool",
    ),
    _symptom(
        "id-token-denied",
        "an identity token of the account is refused",
        r"iam\.serviceAccounts\.getOpenIdToken",
        "role-cannot-mint binding-missing delegate-missing-token-creator",
    ),
    _symptom(
        "metadata-flavor",
        "the client does not speak as the metadata server wants",
        r"Missing required header \\?[\"']?Metadata-Flavor|X-Forwarded-For[^\n]{0,60}metadata",
        "unsupported-metadata-path non-pod-ip",
        "unsupported-metadata-path",
    ),
    _symptom(
        "ksa-missing",
        "the Kubernetes service account does not exist",
        r"serviceaccounts? \\?[\"'][^\"']{1,253}\\?[\"'] not found"
        r"|error looking up service account|service account [^\n]{0,120} was not found, retry after"
        r"|pods? [^\n]{0,120} is forbidden: [^\n]{0,60}service ?account",
        "ksa-not-found default-ksa-used",
        "ksa-not-found",
        hides="gsa-unknown target-denied",
    ),
    _symptom(
        "gsa-unknown",
        "Google may not know the account",
        r"IAM returned 400"
        r"|service ?account[^\n]{0,120}(?:does not exist|not found)(?!\s*in namespace)(?<!serviceaccount)"
        r"|Account not found|Invalid account",
        "gsa-not-found gsa-deleted annotation-shadows-direct-grant",
    ),
    _symptom(
        "gsa-gone",
        "Google no longer knows the account",
        r"IAM returned 404|generateAccessToken[^\n]{0,200}\b404\b|Requested entity was not found",
        "gsa-not-found gsa-deleted annotation-shadows-direct-grant",
    ),
    _symptom(
        "gsa-disabled",
        "the account is disabled",
        r"service ?account[^\n]{0,120}is disabled|ACCOUNT_DISABLED|ACCOUNT_STATE_INVALID"
        r"|account (?:has been|is) disabled"
        r"|disabled service account",
        "gsa-disabled",
        "gsa-disabled",
        hides="federated-rejected",
    ),
    _symptom(
        "not-a-pod",
        "the metadata server does not know the pod",
        r"Unable to find pod|not recorded in the snapshot|retry budget exhausted",
        "non-pod-ip host-network metadata-startup-race",
        "non-pod-ip",
    ),
    _symptom(
        "path",
        "the metadata server does not have the path",
        r"no child \\?[\"']|Reason: \\?[\"']?NOT_FOUND"
        rf"|computeMetadata/v1/{_BUT_OF_TOKENS}[^\n]{{0,200}}\b404\b|\b404\b[^\n]{{0,120}}computeMetadata/v1/{_BUT_OF_TOKENS}"
        r"|metadata[^\n]{0,80}\b404\b[^\n]{0,60}not found"
        r"|Failed to retrieve http://[^\n]{0,200}recursive=true[^\n]{0,200}404",
        "unsupported-metadata-path annotation-missing workload-identity-disabled",
        "unsupported-metadata-path",
    ),
    _symptom(
        "delegation",
        "an account may not mint tokens for the next one",
        r"implicitDelegation|(?:failed|unable) to impersonate|impersonate: status code 403"
        r"|impersonat\w+[^\n]{0,200}getAccessToken|impersonated credentials?",
        "delegate-missing-token-creator role-cannot-mint binding-missing",
        hides="target-denied",
    ),
    _symptom(
        "mint-denied",
        "the workload may not mint tokens as its account",
        r"getAccessToken|IAM returned 403|Unable to generate access token|generateAccessToken[^\n]{0,200}\b403\b"
        r"|roles/iam\.workloadIdentityUser|compute: Received 403"
        r"|(?:status|error) code:? (?:403|Forbidden) trying to (?:fetch|get)|Status code is: Forbidden"
        r"|(?:refresh|fetch) (?:the )?(?:access )?token[^\n]{0,200}\b403\b|service-accounts/default[^\n]{0,160}\b403\b"
        r"|\b403\b[^\n]{0,160}service-accounts/default"
        r"|failed to (?:get|generate)[^\n]{0,60}access token",
        "binding-missing member-malformed pool-of-another-project gsa-not-found role-cannot-mint"
        " annotation-shadows-direct-grant condition-not-met binding-removed propagation-delay deny-policy"
        " principal-access-boundary",
        hides="target-denied",
    ),
    _symptom(
        "exchange-denied",
        "the token service refused the exchange",
        r"oauth2/google: status code 403|sts\.googleapis\.com[^\n]{0,200}\b40[03]\b|IAM_PERMISSION_DENIED"
        r"[^\n]{0,200}(?:workloadIdentityPool|svc\.id\.goog)",
        "fleet-pool-mismatch binding-missing projected-token-volume-missing",
        hides="target-denied",
    ),
    _symptom(
        "token-expired",
        "a token was used beyond its life",
        r"ACCESS_TOKEN_EXPIRED|(?:token|credentials?|assertion)[^\n]{0,60}(?:has |is |have )?expired|invalid_token"
        r"|expired (?:id |access )?token"
        r"|ID Token issued at [^\n]{0,40} is stale to sign-in|reauth related error",
        "token-not-refreshed key-file-shadows-workload-identity fleet-pool-mismatch",
        "token-not-refreshed",
    ),
    _symptom(
        "federated-rejected",
        "a service does not take the token",
        r"invalid authentication credentials|Expected OAuth 2 access token|ACCESS_TOKEN_TYPE_UNSUPPORTED"
        r"|\b401\b[^\n]{0,40}(?:Unauthorized|Invalid Credentials)|authError|UNAUTHENTICATED|code = Unauthenticated",
        "service-rejects-federated-token default-ksa-used annotation-missing gsa-disabled",
    ),
    _symptom(
        "metadata-500",
        "the metadata server failed",
        r"GKE Metadata Server[^\n]{0,60}Internal Server Error|metadata[^\n]{0,200}\b50[0-3]\b"
        r"|\b500\b[^\n]{0,200}(?:metadata|service-accounts/default)|Internal Server Error",
        "control-plane-unreachable too-many-ksas node-cannot-reach-token-service",
        "control-plane-unreachable",
    ),
    _symptom(
        "metadata-crash",
        "the metadata server itself fails",
        r"gke-metadata-server[^\n]{0,120}(?:OOMKilled|CrashLoopBackOff|Back-off)"
        r"|(?:OOMKilled|CrashLoopBackOff)[^\n]{0,120}gke-metadata-server",
        "too-many-ksas",
        "too-many-ksas",
    ),
    _symptom(
        "metadata-slow",
        "the metadata server is reached and does not answer in time",
        r"(?:timeout|exceeded while) awaiting (?:response )?headers",
        "too-many-metadata-connections network-policy-blocks-metadata metadata-startup-race",
    ),
    _symptom(
        "metadata-499",
        "the metadata server is slow to answer",
        r"HTTP/499|\b499\b[^\n]{0,80}(?:metadata|token)|context canceled[^\n]{0,120}metadata",
        "too-many-metadata-connections token-quota-exceeded",
        "too-many-metadata-connections",
    ),
    _symptom(
        "name-resolution",
        "the name of the metadata server does not resolve",
        r"lookup metadata|metadata(?:\.google\.internal)?[^\n]{0,160}(?:no such host"
        r"|Name or service not known|name resolution"
        r"|getaddrinfo|ENOTFOUND|EAI_AGAIN|UnknownHost|server misbehaving|nodename nor servname)"
        r"|(?:no such host|UnknownHostException|ENOTFOUND|EAI_AGAIN|resolve)[^\n]{0,80}metadata",
        "dns-cannot-resolve-metadata network-policy-blocks-metadata",
        "dns-cannot-resolve-metadata",
    ),
    _symptom(
        "metadata-unreachable",
        "the metadata server was not reached",
        rf"{_MDS}[^\n]{{0,200}}{_LATE}|{_LATE}[^\n]{{0,200}}{_MDS}"
        r"|Application Default Credentials are not available|can'?t find default credentials"
        r"|(?:your )?credentials were not found|outside a GCE instance|No credentials loaded"
        r"|do not currently have an active account|\((?:gsutil|gcloud[^)]*)\) timed out"
        r"|cannot find the metadata server|could not find (?:the )?default credentials"
        r"|default credentials were not found|could not load the default credentials|Could not automatically determine"
        r"|Unable to detect a Project Id|no (?:valid )?(?:default )?credentials"
        r"|169\.254\.169\.25[24][^\n]{0,160}"
        r"(?:i/o timeout|timed? ?out|refused|unreachable|deadline|EHOSTDOWN|reset|EOF)"
        r"|metadata(?:\.google\.internal|[ _-]?server|[^\n]{0,20}service)?[^\n]{0,160}"
        r"(?:i/o timeout|timed? ?out|connection refused|ECONNREFUSED|unreachable|not available|unavailable"
        r"|reset by peer|connect: |Failed to (?:connect|retrieve))"
        r"|(?:i/o timeout|timed? ?out|Failed to connect|ECONNREFUSED)[^\n]{0,160}metadata"
        r"|failed to prepare storage service|No credentialed accounts|Failed to detect whether we are running on"
        r"|Unable to acquire the project number",
        "network-policy-blocks-metadata metadata-startup-race node-pool-not-gke-metadata workload-identity-disabled",
    ),
    _symptom(
        "federated-denied",
        "the federated identity lacks a permission",
        r"principal(?:Set)?://iam\.googleapis\.com|svc\.id\.goog[^\n]{0,160}(?:does not have|denied|permission|lacks)"
        r"|(?:does not have|denied|permission)[^\n]{0,160}svc\.id\.goog",
        "annotation-missing direct-grant-missing default-ksa-used project-number-wrong selector-malformed",
    ),
    _symptom(
        "node-identity-denied",
        "the node's own identity is used",
        r"\d{6,}-compute@developer\.gserviceaccount\.com|default Compute Engine service account is not configured"
        r"|(?:create a new VM|from this VM)[^\n]{0,80}(?:scope|access)",
        "node-pool-not-gke-metadata workload-identity-disabled host-network mixed-node-pools",
    ),
    _symptom(
        "account-denied",
        "the account lacks a permission on the target",
        r"[a-z0-9-]+@[a-z0-9.-]+\.iam\.gserviceaccount\.com[\"'\]]? (?:does not have|lacks|is not authorized)"
        r"|(?:permission|access)[^\n]{0,80} denied (?:to|for) [^\n]{0,40}\.iam\.gserviceaccount\.com",
        "target-role-missing gsa-recreated condition-not-met deny-policy",
    ),
    _symptom(
        "caller-denied",
        "a caller without an e-mail lacks a permission",
        r"\bCaller does not have [a-z]+\.",
        "annotation-missing direct-grant-missing default-ksa-used target-role-missing",
    ),
    _symptom(
        "target-denied",
        "the identity lacks a permission on the target",
        r"does not have [a-zA-Z0-9.]+ access|(?:Permission|permission) '?[a-z]+\.[a-zA-Z]+\.[a-zA-Z]+'? (?:is )?denied"
        r"|PERMISSION_DENIED|lacks? permission|permission[_ ]denied|\b403\b|Access Denied|access denied|Forbidden"
        r"|(?:does not|doesn't) have (?:the )?(?:required )?permission|NOT_AUTHORIZED|notAuthorized"
        r"|insufficientPermissions|(?:not|isn'?t) authorized|IAM (?:service account|user) authentication failed"
        r"|missing (?:IAM |or insufficient )?permissions?"
        r"|Required \"?'?[a-z.A-Z]+'?\"? permission",
        "target-role-missing annotation-missing default-ksa-used gsa-recreated direct-grant-missing binding-missing",
    ),
)

SYMPTOM_BY_ID: Final = {item.id: item for item in SYMPTOMS}


@lru_cache(maxsize=4096)
def recognise(text: str) -> tuple[Symptom, ...]:
    """The symptoms in a text, the most telling first; none where it says nothing of identity."""
    text = text[:_LONGEST]
    found: list[Symptom] = []
    for item in SYMPTOMS:
        if item.pattern.search(text) and not any(item.id in earlier.hides for earlier in found):
            found.append(item)
    return tuple(found)


def ranked_causes(text: str) -> tuple[str, ...]:
    """The causes a text can have, likeliest first, by the text alone.

    What the leading symptom shows by itself comes first; the causes that several symptoms share come before those of
    one alone, within the order of the leading symptom.
    """
    symptoms = recognise(text)
    order = dict.fromkeys(decided_causes(text))
    for item in symptoms[:2]:
        order.update(dict.fromkeys(item.causes[:3]))
    for item in symptoms:
        order.update(dict.fromkeys(item.causes))
    return tuple(order)


def decided_causes(text: str) -> tuple[str, ...]:
    """The causes that a text shows by itself, by what is most telling in it."""
    return tuple(cause for item in recognise(text)[:1] for cause in item.decides)


def named_api(text: str) -> str:
    """The API, other than the one that mints tokens, that a text says is switched off; '' where it names none."""
    if "other-api-disabled" not in {item.id for item in recognise(text)}:
        return ""
    match = re.search(_OTHER_API, text[:_LONGEST], re.IGNORECASE)
    return re.split(r"[^a-z.]", match[0].lower())[-1] if match else ""


_PERMISSION: Final = re.compile(
    r"(?:[Pp]ermission[s]? (?:\\?[\"'`])?|does not have |[Rr]equired (?:\\?[\"'`])?)"
    r"((?:[a-z][a-z0-9]*\.googleapis\.com/)?[a-z][a-zA-Z0-9]*\.[a-zA-Z0-9.]+\.[a-zA-Z]+)"
)


def named_permission(text: str) -> str:
    """The permission that a text says is missing; '' where it names none."""
    match = _PERMISSION.search(text[:_LONGEST])
    return match[1] if match else ""
