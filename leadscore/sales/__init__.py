"""What sales did with the leads: conversion, acceptance, response times, picking; not what the rulebook should be."""
