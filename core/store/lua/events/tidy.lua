-- Takes types without a stream out of the stream of types; their next event announces them again.
-- KEYS  event types, event streams
-- ARGV  the entry of each type
for i = 1, #ARGV do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then redis.call('XDEL', KEYS[1], ARGV[i]) end
end
