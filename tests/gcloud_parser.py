"""Reads gcloud commands, one JSON array of words a line, and answers what gcloud's own parser makes of each.

It runs in the Python that gcloud runs in, with the folder of the SDK as its argument. Nothing is executed and nothing
is asked of the network: arguments are parsed, and what names a resource is put together. The answer is a JSON string,
empty for a command that gcloud takes.
"""

import contextlib
import io
import json
import sys
from pathlib import Path

SDK = Path(sys.argv[1])
sys.path[:0] = [str(SDK / "lib"), str(SDK / "lib" / "third_party")]

from googlecloudsdk import gcloud_main  # type: ignore[import-not-found]  # noqa: E402
from googlecloudsdk.core import log  # type: ignore[import-not-found]  # noqa: E402

said: list[str] = []
log.error = lambda message, *_, **__: said.append(str(message))
PARSER = gcloud_main.CreateCLI([]).top_element._parser


def problem_of(words: list[str]) -> str:
    """Why gcloud refuses the words after `gcloud`; '' where it takes them."""
    said.clear()
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            namespace = PARSER.parse_args(words)
            concepts = getattr(namespace, "CONCEPTS", None)
            for concept in concepts._all_concepts if concepts is not None else ():
                getattr(concepts, concept["name"]).Parse()
    except SystemExit:
        return " ".join(said) or "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


for line in sys.stdin:
    print(json.dumps(problem_of(json.loads(line))), flush=True)
