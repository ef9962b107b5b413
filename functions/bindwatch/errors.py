"""The errors bindwatch raises; the class decides whether a retry can help."""


class BindwatchError(Exception):
    """Base of every error bindwatch raises on purpose."""


class InputError(BindwatchError):
    """The input is not what it claims to be. A retry cannot help: report it, count it, go on.

    `field` is the path inside the input (`protoPayload.methodName`), `problem` what is wrong there.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem


class ConfigError(BindwatchError):
    """The deployment or the settings are wrong. Raised at start-up, with every problem in one message."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class BackendError(BindwatchError):
    """A service did not take a write or answer a read. Raise it, and the platform retries."""
