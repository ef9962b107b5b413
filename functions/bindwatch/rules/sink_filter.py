"""What the rules need to be sent: the filter of the log sink, and the audit logs that must be switched on for it.

Both are derived from the method tables of the rules that are enabled, so that nobody pays for entries that no rule
reads, and no rule waits for entries that never come.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from bindwatch.errors import ConfigError
from bindwatch.model.policy import AuditConfig, AuditLogConfig
from bindwatch.rule import ANY_METHOD, Method, Outcome, Rule, SubjectKind
from bindwatch.rules.methods import MINT, STS

LONGEST_FILTER: Final = 20_000
"""How many characters Cloud Logging takes as the filter of a sink."""

_LOG: Final = 'log_id("cloudaudit.googleapis.com/{}")'
# A refusal by IAM, a deny policy or a perimeter is PERMISSION_DENIED, by an organization policy FAILED_PRECONDITION.
_REFUSALS: Final = "protoPayload.status.code=(7 OR 9)"
_TYPES: Final = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")


def sink_filter(rules: Iterable[Rule[Any]], *, own_accounts: Iterable[str] = ()) -> str:
    """The filter, in the Logging query language, that passes every entry these rules can use; '' where there are none.

    Rules that read any method read all of Admin Activity, all minted tokens, and all refused calls; of other Data
    Access entries only those that some rule names. `own_accounts` are the e-mails of bindwatch's own service accounts,
    whose entries would feed it with itself. Raises ConfigError where the filter grows too long for a sink.
    """
    reading = [rule for rule in rules if rule.subject is not SubjectKind.INVENTORY]
    clauses = list(_clauses(reading))
    if not clauses:
        return ""
    text = clauses[0] if len(clauses) == 1 else "(\n  " + "\n  OR ".join(clauses) + "\n)"
    if own := sorted({_quoted(account) for account in own_accounts}):
        text += f"\nAND NOT protoPayload.authenticationInfo.principalEmail=({' OR '.join(own)})"
    if len(text) > LONGEST_FILTER:
        problem = f"the sink filter has {len(text)} characters, a sink takes {LONGEST_FILTER}: use fewer rules"
        raise ConfigError([problem])
    return text


def _clauses(rules: Sequence[Rule[Any]]) -> Iterator[str]:
    any_success = any(_reads_any(rule) and rule.outcome is not Outcome.FAILED for rule in rules)
    any_failure = any(_reads_any(rule) and rule.outcome is not Outcome.SUCCEEDED for rule in rules)
    named = {
        method for rule in rules for method in rule.methods if method != ANY_METHOD and method.service and method.name
    }
    if any_success:
        yield _LOG.format("activity")
        named |= {*MINT, Method(STS, "*", "data_access")}
    if any_failure:
        yield _REFUSALS
    if not any_success:
        yield from _of_log("activity", {method for method in named if method.log != "data_access"})
    yield from _of_log("data_access", {method for method in named if method.log in ("data_access", "*")})


def _reads_any(rule: Rule[Any]) -> bool:
    # A window that names no method reads whatever activity there is.
    return rule.reads_any_method or (rule.subject is SubjectKind.WINDOW and not rule.methods)


def _of_log(log: str, methods: set[Method]) -> Iterator[str]:
    if not methods:
        return
    groups: dict[tuple[str, str], set[str]] = {}
    for method in methods:
        groups.setdefault((method.service.lower(), method.caller), set()).add(method.name)
    clauses = []
    for (service, caller), names in sorted(groups.items()):
        whole = groups.get((service, ""), set())
        if caller and "*" in whole:
            continue
        parts = [*_service(service), *_names(names)]
        if caller:
            parts.append(f"protoPayload.authenticationInfo.principalEmail={_quoted(caller)}")
        clauses.append(_joined(parts))
    text = clauses[0] if len(clauses) == 1 else "(" + "\n    OR ".join(clauses) + ")"
    yield f"({_LOG.format(log)} AND {text})"


def _service(service: str) -> tuple[str, ...]:
    if service == "*":
        return ()
    if "*" in service:
        return (f"protoPayload.serviceName=~{_quoted(_pattern(service))}",)
    return (f"protoPayload.serviceName={_quoted(service)}",)


def _names(names: set[str]) -> tuple[str, ...]:
    """The clause for the methods of one service; empty where every method is meant."""
    if "*" in names:
        return ()
    spelled = {name.lower(): name for name in sorted(names)}
    kept = {name for key, name in spelled.items() if not any(key != other and _covers(other, key) for other in spelled)}
    exact = sorted(name for name in kept if "*" not in name)
    parts = []
    by_prefix: dict[str, list[str]] = {}
    for name in exact:
        prefix, dot, verb = name.rpartition(".")
        by_prefix.setdefault(prefix + dot, []).append(verb)
    plain = [prefix + verb for prefix, verbs in by_prefix.items() if len(verbs) < 3 for verb in verbs]
    if plain:
        parts.append(f"protoPayload.methodName={_any_of(plain)}")
    patterns = [
        f"^{_escaped(prefix)}({'|'.join(map(_escaped, verbs))})$"
        for prefix, verbs in by_prefix.items()
        if len(verbs) >= 3
    ]
    patterns += [_pattern(name, flagged=False) for name in sorted(kept) if "*" in name]
    if patterns:
        parts.append(f"protoPayload.methodName=~{_quoted('(?i)' + '|'.join(patterns))}")
    return (parts[0],) if len(parts) == 1 else (f"({' OR '.join(parts)})",)


def _covers(pattern: str, name: str) -> bool:
    if "*" not in pattern:
        return False
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name) is not None


def _pattern(glob: str, *, flagged: bool = True) -> str:
    """A glob as a regular expression. LQL compares strings without regard to case, but not regular expressions."""
    head, tail = glob.startswith("*"), glob.endswith("*")
    middle = ".*".join(_escaped(part) for part in glob.strip("*").split("*"))
    return ("(?i)" if flagged else "") + ("" if head else "^") + middle + ("" if tail else "$")


def _escaped(text: str) -> str:
    # A class instead of a backslash, which the query language and the regular expression would both take for theirs.
    return "".join(char if char.isalnum() or char in "_/-:" else f"[{char}]" for char in text)


def _any_of(texts: Sequence[str]) -> str:
    return _quoted(texts[0]) if len(texts) == 1 else "(" + " OR ".join(map(_quoted, texts)) + ")"


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else "(" + " AND ".join(parts) + ")"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def audit_config(rules: Iterable[Rule[Any]]) -> tuple[AuditConfig, ...]:
    """The Data Access logs that must be on for these rules to have anything to read, by service, in order.

    Without exempted members: whoever is exempt is not watched.
    """
    types: dict[str, set[str]] = {}
    for rule in rules:
        for method in rule.methods:
            if method.log == "data_access" and method.log_type:
                types.setdefault(method.audit_service, set()).add(method.log_type)
    return tuple(
        AuditConfig(service, tuple(AuditLogConfig(log_type) for log_type in _TYPES if log_type in types[service]))
        for service in sorted(types)
    )


def audit_config_document(configs: Iterable[AuditConfig]) -> dict[str, Any]:
    """The settings as they stand in an allow policy: what `gcloud … set-iam-policy` takes, as JSON types."""
    return {
        "auditConfigs": [
            {"service": config.service, "auditLogConfigs": [{"logType": item.log_type} for item in config.log_configs]}
            for config in configs
        ]
    }


def audit_config_yaml(configs: Iterable[AuditConfig]) -> str:
    """The same as YAML, which is what `gcloud … get-iam-policy` writes."""
    lines = ["auditConfigs:"]
    for config in configs:
        lines += ["- auditLogConfigs:", *(f"  - logType: {item.log_type}" for item in config.log_configs)]
        lines.append(f"  service: {config.service}")
    return "\n".join(lines) + "\n"


def audit_config_commands(configs: Iterable[AuditConfig], scope: str, file: str = "policy.yaml") -> tuple[str, ...]:
    """The commands that put the settings into the policy of `projects/p`, `folders/1` or `organizations/2`.

    An allow policy is read, edited and written whole: there is no command for its audit settings alone.
    """
    kind, _, name = scope.partition("/")
    group = {"projects": "projects", "folders": "resource-manager folders", "organizations": "organizations"}.get(kind)
    if group is None or not name:
        raise ConfigError([f"{scope!r} is no projects/…, folders/… or organizations/…"])
    services = ", ".join(config.service for config in configs)
    return (
        f"gcloud {group} get-iam-policy {name} --format=yaml > {file}",
        f"# add to the auditConfigs of {file}: {services}",
        f"gcloud {group} set-iam-policy {name} {file}",
    )


def audit_config_terraform(configs: Iterable[AuditConfig], scope: str) -> str:
    """The same as Terraform resources for `projects/p`, `folders/1` or `organizations/2`."""
    kind, _, name = scope.partition("/")
    resource, argument = {
        "projects": ("google_project_iam_audit_config", "project"),
        "folders": ("google_folder_iam_audit_config", "folder"),
        "organizations": ("google_organization_iam_audit_config", "org_id"),
    }.get(kind, ("", ""))
    if not resource or not name:
        raise ConfigError([f"{scope!r} is no projects/…, folders/… or organizations/…"])
    blocks = []
    for config in configs:
        label = re.sub(r"\W", "_", config.service.removesuffix(".googleapis.com"))
        logs = "".join(
            f'\n\n  audit_log_config {{\n    log_type = "{item.log_type}"\n  }}' for item in config.log_configs
        )
        blocks.append(
            f'resource "{resource}" "{label}" {{\n  {argument} = "{name}"\n  service = "{config.service}"{logs}\n}}\n'
        )
    return "\n".join(blocks)
