"""Terraform plans for tests, in the form terraform show -json gives them."""


def change(kind, name, before=None, after=None, unknown=None, actions=None, **more):
    """One entry of resource_changes."""
    told = actions or (["create"] if before is None else ["delete"] if after is None else ["update"])
    index = more.get("index")
    suffix = "" if index is None else f'["{index}"]'
    module = more.get("module", "")
    address = f"{module}.{kind}.{name}{suffix}" if module else f"{kind}.{name}{suffix}"
    item = {
        "address": address,
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider_name": "registry.terraform.io/hashicorp/google",
        "change": {"actions": told, "before": before, "after": after, "after_unknown": unknown or {}},
    }
    if module:
        item["module_address"] = module
    if index is not None:
        item["index"] = index
    return item


def config(kind, name, **references):
    """One resource of the configuration: for each argument the references of its expression."""
    return {
        "address": f"{kind}.{name}",
        "mode": "managed",
        "type": kind,
        "name": name,
        "expressions": {argument: {"references": list(names)} for argument, names in references.items()},
    }


def plan(*changes, resources=(), calls=None, variables=None, provider=None, **more):
    """A whole plan."""
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.5",
        "variables": {name: {"value": value} for name, value in (variables or {}).items()},
        "planned_values": {"root_module": {}},
        "resource_changes": list(changes),
        "configuration": {
            "provider_config": {"google": {"name": "google", "expressions": provider or {}}},
            "root_module": {"resources": list(resources), "module_calls": calls or {}},
        },
        **more,
    }
