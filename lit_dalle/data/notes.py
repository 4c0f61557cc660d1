"""The error of a row that cannot be used."""


class RowError(ValueError):
    """Something is wrong with one row; the message is one line, also out of a worker process.

    A ``DataLoader`` raises the error of a worker again with the whole traceback as its message,
    whose last line is the message that we want to show.
    """

    def __init__(self, message: str) -> None:
        if message.startswith("Caught RowError"):
            message = message.strip().splitlines()[-1].partition("RowError: ")[2]
        super().__init__(" ".join(message.split()))
