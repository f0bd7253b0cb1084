"""Classifiers without a network: linear templates, and regression on responses of a filter bank."""
