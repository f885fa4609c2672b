"""Tokens: who shows one that an issuer signed becomes a caller. No route and no job may come in."""

from executor.access.tokens import Tokens, open_tokens

__all__ = ["Tokens", "open_tokens"]
