"""SQL, and nothing else: the audit chain, the recorder and the operator's write path."""
