"""The errors of user pools: the codes are the model's, and all of them are 400.

Draw of the tree::

    ServiceError
    └── Refusal                 status 400
        ├── NotAuthorizedException, UserNotFoundException, ...     one class per code
        └── TriggerFailure      what a pool's function did wrong: three codes
"""

from __future__ import annotations

from lambent.contracts.errors import ServiceError


class Refusal(ServiceError):
    """Any of this service's errors."""

    status = 400


class AliasExistsException(Refusal):
    """Another user signs in with this address, number or name."""


class CodeMismatchException(Refusal):
    """The code is wrong."""


class EnableSoftwareTokenMFAException(Refusal):
    """The first code of a new authenticator is wrong."""


class ExpiredCodeException(Refusal):
    """The code is too old, or there is none."""


class GroupExistsException(Refusal):
    """A group has this name."""


class InvalidLambdaResponseException(Refusal):
    """A pool's function answered with something that is no answer."""


class InvalidOAuthFlowException(Refusal):
    """A client's OAuth settings do not go together."""


class InvalidParameterException(Refusal):
    """A parameter is wrong."""


class InvalidPasswordException(Refusal):
    """The password is not as the pool's policy wants it."""


class LimitExceededException(Refusal):
    """Too many, or too often."""


class NotAuthorizedException(Refusal):
    """Not with this password, token, secret or code."""


class PasswordHistoryPolicyViolationException(Refusal):
    """The password was used before."""


class PasswordResetRequiredException(Refusal):
    """An administrator wants a new password."""


class RefreshTokenReuseException(Refusal):
    """A refresh token that was rotated is used again."""


class ResourceNotFoundException(Refusal):
    """There is no such pool, client, group, ..."""


class ScopeDoesNotExistException(Refusal):
    """A client wants a scope that no resource server has."""


class SoftwareTokenMFANotFoundException(Refusal):
    """The pool, or the user, has no authenticator."""


class TooManyFailedAttemptsException(Refusal):
    """Too many wrong codes."""


class UnexpectedLambdaException(Refusal):
    """A pool's function could not be run."""


class UnsupportedOperationException(Refusal):
    """Not with these settings."""


class UnsupportedTokenTypeException(Refusal):
    """Only refresh tokens can be revoked."""


class UnsupportedUserStateException(Refusal):
    """Not for a user in this state."""


class UserLambdaValidationException(Refusal):
    """A pool's function says no."""


class UserNotConfirmedException(Refusal):
    """The sign-up is not complete."""


class UserNotFoundException(Refusal):
    """There is no such user."""


class UsernameExistsException(Refusal):
    """The name is taken."""


def bad_login() -> NotAuthorizedException:
    """Name or password: which of them is not said."""
    return NotAuthorizedException("Incorrect username or password.")


def no_user() -> UserNotFoundException:
    """There is no such user."""
    return UserNotFoundException("User does not exist.")


def no_pool(id: str) -> ResourceNotFoundException:
    """There is no such pool."""
    return ResourceNotFoundException(f"User pool {id} does not exist.")


def no_client(id: str) -> ResourceNotFoundException:
    """There is no such client."""
    return ResourceNotFoundException(f"User pool client {id} does not exist.")


def bad_session() -> NotAuthorizedException:
    """There is no such sign-in under way."""
    return NotAuthorizedException("Invalid session for the user.")


def wrong_code() -> CodeMismatchException:
    """The code of a mail is wrong."""
    return CodeMismatchException("Invalid verification code provided, please try again.")


def stale_code() -> ExpiredCodeException:
    """There is no (valid) code."""
    return ExpiredCodeException("Invalid code provided, please request a code again.")


def too_often() -> LimitExceededException:
    """Too many attempts."""
    return LimitExceededException("Attempt limit exceeded, please try after some time.")
