"""The conditions of custom rules: compiled once, checked before they run, evaluated with what they ask for."""

import re
from collections.abc import Mapping
from typing import Any, Final

from bindwatch.access.conditions import PARTS_OF_TIME, compiled_program
from bindwatch.customization.entry_fields import AUDIT_FIELDS, FIELDS, FUNCTIONS, GRANT_FIELDS, functions_of
from bindwatch.customization.fields import near
from bindwatch.errors import InputError
from bindwatch.model.log_entry import LogEntry, from_dict
from bindwatch.rule import Context

LONGEST: Final = 8192
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'")
_FIELD: Final = re.compile(r"\bentry\b\s*(?:\.\s*(\w+))?")
_GRANT_FIELD: Final = re.compile(r"\bgrant\s*\.\s*(\w+)")
# A field, and what it is compared with: of a string literal only the quotes are left.
_COMPARED: Final = re.compile(r'\bentry\s*\.\s*(\w+)\s*[=!]=\s*("|-?\d|true\b|false\b)')
_LITERALS: Final = {'"': "string", "true": "bool", "false": "bool"}
_EACH: Final = re.compile(
    r"\bentry\s*\.\s*(grants|attempted_grants|removed_grants|audit_changes)"
    r"\s*\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,"
)
_REFUSED: Final = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*?)(?: \||$)")
_BOUND: Final = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,")
_STANDARD: Final = frozenset(
    (
        *("size", "startsWith", "endsWith", "contains", "matches", "has", "type", "dyn", "max", "min"),
        *("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration"),
        *PARTS_OF_TIME,
    )
)
# The least an entry can say: a condition must have an answer for it, or it would fail on real ones.
_BARE: Final = from_dict({"protoPayload": {"serviceName": "example.googleapis.com", "methodName": "Example"}})


class Expression:
    """A condition over one entry. Raises InputError where it cannot be one, with the reason."""

    def __init__(self, text: str, *, has_item: bool) -> None:
        if not text.strip():
            raise InputError("condition", "must not be empty")
        if len(text) > LONGEST:
            raise InputError("condition", f"is longer than {LONGEST} characters")
        try:
            self._program = compiled_program(text)
        except Exception as error:  # the parser's refusal, of whatever class
            raise InputError("condition", f"is no CEL: {_refusal(error)}") from error
        bare = _STRING.sub('""', text)
        self._fields = tuple(dict.fromkeys(_FIELD.findall(bare)))
        self._has_item = has_item
        self._check_names(bare)
        self._check_answer()

    def holds(self, entry: LogEntry, context: Context, item: Mapping[str, Any] | None = None) -> bool:
        """Whether the condition holds. Raises what the evaluator raises: the engine makes a RuleFailure of it."""
        known: dict[str, Any] = {
            "entry": {name: FIELDS[name].read(entry, context) for name in self._fields},
            **functions_of(entry),
            **PARTS_OF_TIME,
        }
        if item is not None:
            known["grant"] = item
        answer = self._program.execute(known)
        if not isinstance(answer, bool):
            raise TypeError(f"the condition gave {type(answer).__name__}, not true or false")
        return answer

    def _check_names(self, bare: str) -> None:
        for name in self._fields:
            if not name:
                raise InputError("condition", "entry is read field by field, as in entry.method")
            if name not in FIELDS:
                raise InputError("condition", f"entry.{name}: no such field{near(name, FIELDS)}")
        if self._has_item:
            for name in _GRANT_FIELD.findall(bare):
                if name not in GRANT_FIELDS:
                    raise InputError("condition", f"grant.{name}: no such field{near(name, GRANT_FIELDS)}")
        for name, variable in _EACH.findall(bare):
            fields = AUDIT_FIELDS if name == "audit_changes" else GRANT_FIELDS
            for field in re.findall(rf"\b{variable}\s*\.\s*(\w+)\b(?!\s*\()", bare):
                if field not in fields:
                    raise InputError("condition", f"{variable}.{field}: {name} have no such field{near(field, fields)}")
        for name, literal in _COMPARED.findall(bare):
            kind, given = FIELDS[name].kind, _LITERALS.get(literal, "int")
            if kind in ("string", "bool", "int") and kind != given:
                raise InputError("condition", f"entry.{name} is of type {kind}: it never equals a {given}")
        known = {"entry", *_BOUND.findall(bare), *(("grant",) if self._has_item else ())}
        for name in sorted(set(self._program.variables()) - known):
            hint = "; it needs each = 'grants'" if name == "grant" else near(f"entry.{name}", _dotted())
            raise InputError("condition", f"{name}: nothing of that name{hint}")
        for name in sorted(self._program.functions()):
            if name[0].isalpha() and name not in _STANDARD and name not in FUNCTIONS:
                raise InputError("condition", f"{name}(): no such function{near(name, {*_STANDARD, *FUNCTIONS})}")

    def _check_answer(self) -> None:
        item = dict.fromkeys(GRANT_FIELDS, "") | {"is_public": False} if self._has_item else None
        try:
            self.holds(_BARE, Context(), item)
        except KeyError as error:
            problem = f"fails where there is no {error.args[0]!r}: ask for it with has(…), in, or text('…')"
            raise InputError("condition", problem) from error
        except Exception as error:
            raise InputError("condition", _reason(error)) from error


def _dotted() -> set[str]:
    return {f"entry.{name}" for name in FIELDS}


def _refusal(error: Exception) -> str:
    """What the parser says, without the text of the condition; lines count from its first."""
    words = _reason(error)
    found = _REFUSED.search(words)
    return f"{found[3]} (line {found[1]}, column {found[2]} of the condition)" if found else words


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
