"""A project's own prefect.yaml: it adds to the package's, and overrides it, by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from acci.domain.errors import AcciError
from acci.flows.local.object_names import BASE
from acci.flows.local.own_file import OwnFile

# What is laid over by name, each with what a new one must say.
PARTS = {
    "work_queues": (),
    "deployments": ("entrypoint",),
    "automations": ("trigger", "actions"),
    "notifications": ("expect", "subject", "body"),
}


class UnusableDeployments(AcciError):
    """A project's own prefect.yaml cannot be applied; `problem` says where and why."""

    file: str
    problem: str

    sentence = (
        "{file} cannot be applied: {problem}. Nothing was changed. Correct it, or name another file "
        "with `prefect-file` in [tool.acci]."
    )


def laid_over(package: Mapping[str, Any], file: Path) -> dict[str, Any]:
    """What the package declares with the file's over it: mappings are merged, all else is replaced, new names added.

    Raises `UnusableDeployments`.
    """
    own = _read(file)
    found = dict(package)
    for part, needed in PARTS.items():
        by_name = {each["name"]: each for each in package[part]}
        seen: set[str] = set()
        for each in own.get(part) or ():
            name = each["name"]
            missing = [key for key in needed if name not in by_name and key not in each]
            if name in seen or missing:
                problem = f"{name} in {part} {'is there twice' if name in seen else f'has no {missing[0]}'}"
                raise UnusableDeployments(str(file), problem)
            seen.add(name)
            by_name[name] = _merged(by_name.get(name, {}), each)
        found[part] = list(by_name.values())
    queues = [queue["name"] for queue in found["work_queues"]]
    found["deployments"] = [_whole(each, package, queues, file) for each in found["deployments"]]
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        OwnFile.model_validate(content if content is not None else {})
    except OSError as error:
        raise UnusableDeployments(str(file), error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise UnusableDeployments(str(file), "it is not UTF-8") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UnusableDeployments(str(file), f"{where}: {first['msg']}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:  # ValueError: a date that there is not
        raise UnusableDeployments(str(file), f"it is not YAML ({' '.join(str(error).split())})") from None
    return content or {}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, where they differ as `above` says; mappings within are merged alike."""
    both = {**below, **above}
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), Mapping):
            both[key] = _merged(below[key], value)
    return both


def _whole(deployment: Mapping[str, Any], package: Mapping[str, Any], queues: list[str], file: Path) -> dict[str, Any]:
    """With all that the package's own have: the tag, the queue `live`, schedules with slugs."""
    env = {"env": package["definitions"]["env"]}
    pool = _merged({"name": BASE, "work_queue_name": "live", "job_variables": env}, deployment.get("work_pool", {}))
    if pool["work_queue_name"] not in queues:
        problem = f"the work queue of {deployment['name']} is none of {', '.join(queues)}"
        raise UnusableDeployments(str(file), problem)
    schedules = [{"slug": f"own-{n}", **each} for n, each in enumerate(deployment.get("schedules", ()), 1)]
    return {
        "description": "",
        "parameters": {},
        **deployment,
        "tags": list(dict.fromkeys([BASE, *deployment.get("tags", ())])),
        "schedules": schedules,
        "work_pool": pool,
    }
