"""What a Terraform plan knows of each attribute: values, what is known only after apply, and what refers to what.

A plan says of an unknown attribute which others its expression refers to, but not the expression itself. Where that is
enough to tell the value (a member that refers to the e-mail of one service account), it is taken from there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_INDEX: Final = re.compile(r"\[[^\]]*\]")
_ACCOUNT: Final = "google_service_account"


@dataclass(frozen=True, slots=True)
class Guess:
    """A value that the plan does not give but its references tell. `is_worst` where it is the widest it can be."""

    value: str
    reference: str
    is_worst: bool = False


@dataclass(slots=True)
class Module:
    """One module of the configuration: its resources by address, what its calls pass, and the module that calls it."""

    resources: dict[str, dict[str, Any]]
    calls: dict[str, "Module"]
    passed: dict[str, Any]
    outputs: dict[str, Any]
    above: "Module | None" = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of a resource at one side of a plan. `unknown` marks what is known only after apply."""

    address: str
    type: str
    values: Mapping[str, Any]
    unknown: Any = field(default_factory=dict)
    module: str = ""
    name: str = ""
    index: Any = None
    provider: str = ""

    def is_unknown(self, name: str) -> bool:
        """Whether an attribute, or a part of it, is known only after apply."""
        return _marks(self.unknown.get(name)) if isinstance(self.unknown, dict) else bool(self.unknown)


def _marks(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_marks, value.values()))
    if isinstance(value, list):
        return any(map(_marks, value))
    return value is True


class Attributes:
    """Answers what the attributes of the instances of one plan are."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        configuration = _object(plan.get("configuration"))
        self._root = _module(_object(configuration.get("root_module")), {}, None)
        self._variables = {
            name: item.get("value") for name, item in _object(plan.get("variables")).items() if isinstance(item, dict)
        }
        self._providers = {
            name: _object(_object(item).get("expressions")).get("project")
            for name, item in _object(configuration.get("provider_config")).items()
        }
        self._instances: dict[str, list[Instance]] = {}

    def learn(self, instance: Instance) -> None:
        """Take in an instance, so that others may refer to it."""
        self._instances.setdefault(f"{_INDEX.sub('', instance.module)}|{instance.type}.{instance.name}", []).append(
            instance
        )

    def project(self, instance: Instance) -> str:
        """The project of an instance: its own, else that of its provider; '' where neither is known."""
        own = self.text(instance, "project")
        if own:
            return own.removeprefix("projects/")
        expression = self._providers.get(instance.provider) or self._providers.get("google")
        value = self._value_of(expression, self._root, instance) if expression else None
        return value if isinstance(value, str) else ""

    def text(self, instance: Instance, name: str) -> str:
        """An attribute as a string, be it guessed; '' where it is absent or nobody can tell."""
        guess = self.guess(instance, name)
        return guess.value if guess is not None else ""

    def guess(self, instance: Instance, name: str) -> Guess | None:
        """An attribute as a string with how it is known; `reference` is '' where the plan gives it."""
        value = instance.values.get(name)
        if isinstance(value, bool):
            return None
        if isinstance(value, str | int) and value != "":
            return Guess(str(value), "")
        if not instance.is_unknown(name):
            return None
        found = self.guesses(instance, name)
        if not found and (made := _made(instance, name, self)):
            return Guess(made, "")
        return found[0] if len(found) == 1 else None

    def guesses(self, instance: Instance, name: str) -> tuple[Guess, ...]:
        """The values that the references of an unknown attribute lead to, one for each that leads somewhere."""
        module = self._module_of(instance)
        config = module.resources.get(f"{instance.type}.{instance.name}", {})
        expression = _object(config.get("expressions")).get(name)
        return tuple(self._through(expression, module, instance))

    def is_all_told(self, instance: Instance, name: str) -> bool:
        """Whether each reference of an attribute leads to a value."""
        module = self._module_of(instance)
        config = module.resources.get(f"{instance.type}.{instance.name}", {})
        references = list(_references(_object(config.get("expressions")).get(name)))
        return bool(references) and len(self.guesses(instance, name)) == len(references)

    # References

    def _module_of(self, instance: Instance) -> Module:
        module = self._root
        for call in re.findall(r"module\.([^.\[]+)", instance.module):
            module = module.calls.get(call, module)
        return module

    def _through(self, expression: Any, module: Module, asking: Instance) -> Iterator[Guess]:
        for reference in _references(expression):
            guess = self._look_up(reference, module, asking)
            if guess is not None:
                yield guess

    def _value_of(self, expression: Any, module: Module, asking: Instance) -> Any:
        if isinstance(expression, dict) and "constant_value" in expression:
            return expression["constant_value"]
        found = list(self._through(expression, module, asking))
        return found[0].value if len(found) == 1 else None

    def _look_up(self, reference: str, module: Module, asking: Instance, depth: int = 0) -> Guess | None:
        if depth > 8:
            return None
        words = _INDEX.sub("", reference).split(".")
        if words[0] == "var" and len(words) > 1:
            return self._variable(words[1], reference, module, asking, depth)
        if words[0] == "module" and len(words) > 2:
            child = module.calls.get(words[1])
            expression = _object(child.outputs.get(words[2])).get("expression") if child is not None else None
            return self._follow(expression, child, reference, asking, depth) if child is not None else None
        if words[0] == "data":
            words = words[1:]
        if len(words) < 3:
            return None
        instance = self._instance(".".join(words[:2]), reference, module, asking)
        if instance is None:
            return None
        return _attribute(instance, words[2], reference, self)

    def _variable(self, name: str, reference: str, module: Module, asking: Instance, depth: int) -> Guess | None:
        if module.above is None:
            value = self._variables.get(name)
            return Guess(value, reference) if isinstance(value, str) else None
        return self._follow(module.passed.get(name), module.above, reference, asking, depth)

    def _follow(self, expression: Any, module: Module, reference: str, asking: Instance, depth: int) -> Guess | None:
        if isinstance(expression, dict) and isinstance(expression.get("constant_value"), str):
            return Guess(expression["constant_value"], reference)
        references = list(_references(expression))
        return self._look_up(references[0], module, asking, depth + 1) if len(references) == 1 else None

    def _instance(self, name: str, reference: str, module: Module, asking: Instance) -> Instance | None:
        found = [
            instance
            for key, instances in self._instances.items()
            if key.endswith(f"|{name}")
            for instance in instances
            if self._module_of(instance) is module
        ]
        same = [instance for instance in found if instance.module == asking.module] or found
        written = re.search(r"\[([^\]]*)\]", reference)
        if written is not None:
            index = written[1].strip('"')
            exact = [instance for instance in same if str(instance.index) == index]
            same = exact or same
        elif len(same) > 1 and asking.index is not None:
            same = [instance for instance in same if instance.index == asking.index] or same
        return same[0] if len(same) == 1 else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _module(config: dict[str, Any], passed: dict[str, Any], above: Module | None) -> Module:
    resources = config.get("resources")
    module = Module(
        resources={
            f"{item.get('type')}.{item.get('name')}": item
            for item in (resources if isinstance(resources, list) else ())
            if isinstance(item, dict)
        },
        calls={},
        passed=passed,
        outputs=_object(config.get("outputs")),
        above=above,
    )
    for name, call in _object(config.get("module_calls")).items():
        module.calls[name] = _module(
            _object(_object(call).get("module")), _object(_object(call).get("expressions")), module
        )
    return module


def _references(expression: Any) -> Iterator[str]:
    """The references of an expression, each at its longest: a plan lists what leads to it as well."""
    if isinstance(expression, list):
        for item in expression:
            yield from _references(item)
        return
    if not isinstance(expression, dict):
        return
    names = expression.get("references")
    if isinstance(names, list):
        texts = [name for name in names if isinstance(name, str) and not name.startswith(("each.", "count.", "path."))]
        for text in dict.fromkeys(texts):
            if not any(other != text and other.startswith((f"{text}.", f"{text}[")) for other in texts):
                yield text
        return
    for item in expression.values():
        yield from _references(item)


def _attribute(instance: Instance, name: str, reference: str, attributes: Attributes) -> Guess | None:
    value = instance.values.get(name)
    if isinstance(value, str) and value:
        return Guess(value, reference)
    made = _made(instance, name, attributes)
    return Guess(made, reference) if made else None


def _made(instance: Instance, name: str, attributes: Attributes) -> str:
    """An attribute that the provider computes, as it will: documented for each of these types."""
    values, project = instance.values, ""

    def own(argument: str) -> str:
        value = values.get(argument)
        return value if isinstance(value, str) else ""

    if instance.type in (*_NAMED, _ACCOUNT):
        project = attributes.project(instance)
    match instance.type, name:
        case ("google_service_account", _) if own("account_id") and project:
            email = f"{own('account_id')}@{_account_domain(project)}"
            return {
                "email": email,
                "member": f"serviceAccount:{email}",
                "name": f"projects/{project}/serviceAccounts/{email}",
                "id": f"projects/{project}/serviceAccounts/{email}",
            }.get(name, "")
        case ("google_project", "id") if own("project_id"):
            return f"projects/{own('project_id')}"
        case ("google_folder", "name" | "id" | "folder_id"):
            return f"folders/{instance.address}"
        case ("google_organization_iam_custom_role", "id" | "name") if own("role_id") and own("org_id"):
            return f"organizations/{own('org_id')}/roles/{own('role_id')}"
        case ("google_kms_crypto_key", "id") if own("name"):
            ring = attributes.text(instance, "key_ring")
            return f"{ring}/cryptoKeys/{own('name')}" if ring else ""
        case ("google_storage_bucket" | "google_cloud_identity_group", "id"):
            return own("name")
        case (kind, "id" | "name") if kind in _NAMED and project:
            template, arguments = _NAMED[kind]
            parts = [attributes.text(instance, argument) for argument in arguments]
            return "" if "" in parts else f"projects/{project}/{template.format(*parts)}"
        case _:
            return ""


def _account_domain(project: str) -> str:
    domain, scoped, name = project.partition(":")
    return f"{name}.{domain}.iam.gserviceaccount.com" if scoped else f"{project}.iam.gserviceaccount.com"


_NAMED: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "google_project_iam_custom_role": ("roles/{}", ("role_id",)),
    "google_iam_workload_identity_pool": ("locations/global/workloadIdentityPools/{}", ("workload_identity_pool_id",)),
    "google_secret_manager_secret": ("secrets/{}", ("secret_id",)),
    "google_pubsub_topic": ("topics/{}", ("name",)),
    "google_pubsub_subscription": ("subscriptions/{}", ("name",)),
    "google_kms_key_ring": ("locations/{}/keyRings/{}", ("location", "name")),
    "google_bigquery_dataset": ("datasets/{}", ("dataset_id",)),
    "google_artifact_registry_repository": ("locations/{}/repositories/{}", ("location", "repository_id")),
    "google_cloud_run_v2_service": ("locations/{}/services/{}", ("location", "name")),
    "google_cloud_run_v2_job": ("locations/{}/jobs/{}", ("location", "name")),
    "google_cloudfunctions2_function": ("locations/{}/functions/{}", ("location", "name")),
    "google_container_cluster": ("locations/{}/clusters/{}", ("location", "name")),
}


def member_of(guess: Guess) -> Guess:
    """A guess as a member: an e-mail of a service account, or all of an identity pool, which is the worst it can be."""
    value = guess.value
    if not guess.reference or ":" in value:
        return guess
    if "@" in value:
        email = value.rpartition("/")[2]
        kind = "serviceAccount" if email.endswith("gserviceaccount.com") else "user"
        return Guess(f"{kind}:{email}", guess.reference)
    if "/workloadIdentityPools/" in value:
        return Guess(f"principalSet://iam.googleapis.com/{value}/*", guess.reference, is_worst=True)
    return Guess("", guess.reference)
