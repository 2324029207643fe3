-- An agent heard a yes that is not signed as it must be, and did not believe it.
-- KEYS  outbox, installation
-- ARGV  id, why
remember(KEYS[1], KEYS[2], 'type', 'doubted', 'request_id', ARGV[1], 'why', ARGV[2], 'doubted_ms', digits(now_ms()))
