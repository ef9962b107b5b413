import pytest

from bindwatch.model.document import Document


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12", 12),
        ("-12", -12),
        (7, 7),
        ("--5", None),
        ("9" * 5000, None),
        ("٣", None),
        ("", None),
        (True, None),
        (1.5, None),
    ],
)
def test_only_what_is_an_integer_reads_as_one(value: object, number: int | None) -> None:
    assert Document({"a": value}).number("a") == number
