"""What a person probably meant who wrote a member that IAM cannot match, as far as the text alone can tell."""

import re
from typing import NamedTuple

_PREFIXES = {
    "user": "user",
    "users": "user",
    "group": "group",
    "groups": "group",
    "domain": "domain",
    "deleted": "deleted",
    "serviceaccount": "serviceAccount",
    "serviceaccounts": "serviceAccount",
    "service_account": "serviceAccount",
    "service-account": "serviceAccount",
    "sa": "serviceAccount",
    "projectowner": "projectOwner",
    "projecteditor": "projectEditor",
    "projectviewer": "projectViewer",
    "principal": "principal",
    "principals": "principal",
    "principalset": "principalSet",
    "principalsets": "principalSet",
}
_PUBLIC = {"allusers": "allUsers", "allauthenticatedusers": "allAuthenticatedUsers"}
_NAMESPACE_WORDS = frozenset({"ns", "namespace", "namespaces"})
_ACCOUNT_WORDS = frozenset({"sa", "serviceaccount", "serviceaccounts", "service-account"})
_POOL = ".svc.id.goog"
_POOL_SUFFIXES = (
    ".svc.id.goog",
    ".svc.id.google",
    ".svc.id.goog.com",
    ".iam.gserviceaccount.com",
    ".gserviceaccount.com",
)
_BRACKETED = re.compile(r"([^\[\](){}<>]*)[\[({<]+([^\[\](){}<>]*)([\])}>]*)(.*)", re.DOTALL)
_SLASHED = re.compile(r"(.*?\.id\.goog)[/:](.+)", re.DOTALL)
_DIRECT = re.compile(
    r"//iam\.googleapis\.com/projects/([^/]*)/locations/global/workloadIdentityPools/([^/]*)/(.*)", re.DOTALL
)


class Repair(NamedTuple):
    """A member that was probably meant, and what the written one got wrong."""

    member: str
    problem: str


def repair(member: str) -> Repair | None:
    """The member that was probably meant; None where the text does not tell. It may still not be a valid member."""
    problems: list[str] = []
    text = member.strip().strip("\"'").strip()
    if not text:
        return None
    if text != member:
        problems.append("white space or quotes stand around it")
    text = _repair_prefix(text, problems)
    head, _, rest = text.partition(":")
    if head in ("serviceAccount", "user", "group"):
        text = _repair_bracketed(head, rest, problems) or text
    elif head in ("principal", "principalSet"):
        text = _repair_direct(head, rest, problems) or text
    return Repair(text, "; ".join(problems)) if text != member else None


def workload_names(text: str) -> tuple[str, str] | None:
    """Namespace and Kubernetes service account out of the spellings people try: `ns/ksa`, `ns:ksa`, `ns/NS/sa/KSA`…"""
    words = [word.strip() for word in re.split(r"[/:,]", text) if word.strip()]
    if words and words[0] == "subject":
        words = words[1:]
    folded = [word.lower() for word in words]
    match words:
        case [namespace, account]:
            return namespace, account
        case [namespace, _, account] if folded[1] in _ACCOUNT_WORDS:
            return namespace, account
        case [_, namespace, account] if folded[0] in _NAMESPACE_WORDS:
            return namespace, account
        case [_, namespace, _, account] if folded[0] in _NAMESPACE_WORDS and folded[2] in _ACCOUNT_WORDS:
            return namespace, account
        case [_, _, namespace, account] if folded[0] == "system" and folded[1] in _ACCOUNT_WORDS:
            return namespace, account
        case _:
            return None


def _repair_prefix(text: str, problems: list[str]) -> str:
    if public := _PUBLIC.get(text.lower()):
        if public != text:
            problems.append(f"IAM writes it {public}, case matters")
        return public
    if text.startswith(("//iam.googleapis.com/", "iam.googleapis.com/")):
        problems.append("it lacks the prefix principal: or principalSet:")
        return "principal://" + text.lstrip("/")
    head, colon, rest = text.partition(":")
    if not colon or "@" in head or "[" in head:
        if text.endswith(".gserviceaccount.com") or (".svc.id.goog" in text and "/" not in text.partition("[")[0]):
            problems.append("it lacks the prefix serviceAccount:")
            return f"serviceAccount:{text}"
        return text
    known = _PREFIXES.get(head.strip().lower(), "")
    if known and known != head:
        problems.append(f"the prefix is {known}:, case matters")
        head = known
    if known in ("user", "group", "serviceAccount", "domain", "deleted") and rest != rest.lstrip():
        problems.append("a blank stands after the prefix")
        rest = rest.lstrip()
    if known == "domain" and rest.startswith("@"):
        problems.append("a domain is written without @")
        rest = rest[1:]
    return f"{head}:{rest}" if known else text


def _repair_bracketed(head: str, rest: str, problems: list[str]) -> str:
    if bracketed := _BRACKETED.fullmatch(rest):
        pool, inner, closing, tail = bracketed.groups()
        if "[" + inner + "]" not in rest:
            problems.append("the closing bracket ] is missing" if not closing else "the brackets are [ and ]")
        elif len(closing) > 1:
            problems.append("one closing bracket ] is too many")
    elif slashed := _SLASHED.fullmatch(rest):
        pool, inner, tail = slashed[1], slashed[2], ""
        problems.append("namespace and account belong in brackets: [NAMESPACE/ACCOUNT]")
    else:
        return ""
    names = workload_names(inner)
    project = _repair_project(pool.strip().rstrip("/"), problems)
    if not names or not project or tail.strip().lower() not in ("", *_POOL_SUFFIXES):
        return ""
    if tail:
        problems.append(f"nothing stands after the bracket, {tail.strip()} does not belong there")
    if inner != "/".join(names):
        problems.append("inside the brackets stand the namespace, a slash and the account, nothing else")
    if head != "serviceAccount":
        problems.append(f"a Kubernetes service account has the prefix serviceAccount:, not {head}:")
    lower = f"{names[0]}/{names[1]}".lower()
    if lower != "/".join(names):
        problems.append("Kubernetes names are lower case")
    return f"serviceAccount:{project}{_POOL}[{lower}]"


def _repair_project(pool: str, problems: list[str]) -> str:
    project = pool.lower()
    if project != pool:
        problems.append("the pool is written in lower case")
    found: list[str] = []
    while suffix := next((end for end in _POOL_SUFFIXES if project.endswith(end)), ""):
        found.append(suffix)
        project = project[: -len(suffix)]
    if not found:
        problems.append("the pool ends in .svc.id.goog")
    elif found != [_POOL]:
        problems.append(f"the pool is PROJECT_ID{_POOL}, without {' and '.join(end for end in found if end != _POOL)}")
    if project.isdigit():
        return ""
    name, _, scope = project.partition(".")
    if "." in scope and ":" not in project:
        problems.append(f"the project of a domain is written {scope}:{name}")
        return f"{scope}:{name}"
    return project


def _repair_direct(head: str, rest: str, problems: list[str]) -> str:
    parsed = _DIRECT.fullmatch(rest)
    if not parsed:
        return ""
    number, pool, selector = parsed.groups()
    kubernetes = pool.lower().endswith(_POOL)
    if kubernetes and pool != pool.lower():
        problems.append("the pool is written in lower case")
        pool = pool.lower()
    prefix = f"//iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{pool}/"
    if not kubernetes:
        wanted = "principal" if selector.startswith("subject/") else "principalSet"
        if wanted == head:
            return ""
        problems.append(_kind_problem(wanted))
        return f"{wanted}:{prefix}{selector}"
    wanted, meant = _repair_selector(head, selector)
    if not meant:
        return ""
    if wanted != head:
        problems.append(_kind_problem(wanted))
    if meant != selector:
        problems.append(f"the selector is {_shape(meant)}" + (", in lower case" if meant == selector.lower() else ""))
    return f"{wanted}:{prefix}{meant}"


def _repair_selector(head: str, selector: str) -> tuple[str, str]:
    """Prefix and selector that fit each other."""
    first, _, value = selector.partition("/")
    if selector == "*" or first == "kubernetes.cluster":
        if first == "kubernetes.cluster" and not value.startswith("https://"):
            at = value.find("projects/")
            value = f"https://container.googleapis.com/v1/{value[at:]}" if at >= 0 else ""
            selector = f"{first}/{value}" if value else ""
        return "principalSet", selector
    if first == "kubernetes.serviceaccount.uid":
        return "principal", selector
    words = selector.strip("/").split("/")
    if words[0] == "group" or words[0].startswith("attribute."):
        return head, ""
    if words[:-1] == ["subject", "ns"]:
        return head, ""  # Either a namespace called ns, or a word is missing.
    if len(words) == 2 and words[0].lower() in _NAMESPACE_WORDS and (head == "principalSet" or words[0] != "ns"):
        return "principalSet", f"namespace/{words[1].lower()}"
    names = workload_names(selector)
    return ("principal", f"subject/ns/{names[0]}/sa/{names[1]}".lower()) if names else (head, "")


def _kind_problem(wanted: str) -> str:
    if wanted == "principal":
        return "one identity is written principal://, principalSet:// is for sets"
    return "a set of identities is written principalSet://"


def _shape(selector: str) -> str:
    if selector.startswith("subject/"):
        return "subject/ns/NAMESPACE/sa/ACCOUNT"
    return "namespace/NAMESPACE" if selector.startswith("namespace/") else "kubernetes.cluster/https://…"
