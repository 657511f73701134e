"""Tagging schemes: conversion between tags and spans, validation, decoding constraints and detection."""

from seqlab.data.schemes.detection import Detection, detect_scheme
from seqlab.data.schemes.scheme import Scheme, Transitions, Violation
from seqlab.data.schemes.standard import SCHEME_NAMES, get_scheme

__all__ = ["SCHEME_NAMES", "Detection", "Scheme", "Transitions", "Violation", "detect_scheme", "get_scheme"]
