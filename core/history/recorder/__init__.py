"""The recorder: it writes into SQL what Redis did, once and in order."""
