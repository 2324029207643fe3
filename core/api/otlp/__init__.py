"""OpenTelemetry in: what exporters post as logs, metrics and spans, as calls of models and signs of life."""
