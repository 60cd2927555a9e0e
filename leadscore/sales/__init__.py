"""What sales did with the leads: conversion, acceptance, response times, picking; not what the rulebook should be."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
