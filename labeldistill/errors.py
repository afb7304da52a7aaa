"""Errors whose message is for the user: they name file and key and say what to do. The CLI maps them to exit codes."""

from pathlib import Path


class LabelDistillError(Exception):
    """A failure whose message is meant for the user; `exit_code` is what the CLI ends with."""

    exit_code = 2


class InputError(LabelDistillError):
    """Bad input: names the file and the key (or token) that is wrong, and says what is expected. Exit code 2."""

    def __init__(self, message: str, *, file: str | Path | None = None, key: str | None = None) -> None:
        """Make the message.

        Args:
            message: what is wrong, and what to do.
            file: the file that it is in.
            key: the dotted key, option or token.
        """
        where = ": ".join(str(part) for part in (file, key) if part)
        super().__init__(f"{where}: {message}" if where else message)
        self.message, self.file, self.key = message, file, key


class GateError(LabelDistillError):
    """A verdict, a check or a gate failed on good input. Exit code 1."""

    exit_code = 1
