"""Encoders: `Steps` -> `Steps`."""

from seqlab.encoders.base import Encoder
from seqlab.encoders.identity import IdentityEncoder
from seqlab.encoders.recurrent import RecurrentEncoder

__all__ = ["Encoder", "IdentityEncoder", "RecurrentEncoder"]
