"""Checking the signature of a token against a file of public keys. No key is fetched from anywhere."""

from pathlib import Path

from bindwatch.errors import BackendError, InputError


def signature_problem(token: str, jwks_path: str) -> str:
    """Why the signature of a token is not good; '' where it is. Looks at nothing but the signature.

    Raises InputError where the file holds no key set, BackendError where the package that checks is not installed.
    """
    try:
        import jwt
    except ImportError as error:
        raise BackendError("checking signatures needs the package pyjwt (pip install 'bindwatch[cli]')") from error
    try:
        keys = jwt.PyJWKSet.from_json(Path(jwks_path).read_text(encoding="utf-8"))
    except (OSError, ValueError, jwt.PyJWKSetError, jwt.PyJWKError) as error:
        raise InputError("jwks", f"{jwks_path} holds no set of public keys: {type(error).__name__}") from error
    text = token.strip().removeprefix("Bearer ").strip().strip("\"'")
    try:
        header = jwt.get_unverified_header(text)
    except jwt.PyJWTError as error:
        return f"its header cannot be read ({type(error).__name__})"
    wanted = header.get("kid")
    known = [key for key in keys.keys if not wanted or key.key_id == wanted]
    if not known:
        return "none of the keys has the id it names"
    for key in known:
        try:
            jwt.api_jws.decode(text, key.key, algorithms=[key.algorithm_name])
        except jwt.PyJWTError:
            continue
        return ""
    return "no key of the file made this signature"
