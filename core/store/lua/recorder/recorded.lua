-- After the recorder's commit: watchers hear of it, and the outbox loses what is committed and old.
-- KEYS  outbox, recorded
-- ARGV  position of the commit, oldest entry to keep
redis.call('XADD', KEYS[2], 'MAXLEN', '~', @RECORDED_LENGTH@, '*', 'position', ARGV[1])
redis.call('XTRIM', KEYS[1], 'MINID', '~', ARGV[2])
