"""What calls raise. Each says in one line what was expected, what was found, and where: the line of the command `atome`."""

__all__ = ["ArgumentError", "Error", "FileError", "PrepareError", "RunError", "TokenizerError"]


class Error(Exception):
    """All that this package raises, but for what Python itself does, such as a TypeError of a keyword that is none."""


class ArgumentError(Error, ValueError):
    """A value that a caller gave is not what was expected."""


class FileError(Error):
    """A file, weights or a graph are not what they should be, or cannot be read or written."""


class PrepareError(Error):
    """This machine cannot run the model, or not as it was asked to."""


class RunError(Error):
    """A loaded model refuses a request, or its numbers leave the range of f32."""


class TokenizerError(Error):
    """Text was asked of a model that knows token ids alone."""


# So they are shown, and pickled, by the names that callers use.
for _error in (Error, ArgumentError, FileError, PrepareError, RunError, TokenizerError):
    _error.__module__ = "atome"
del _error
