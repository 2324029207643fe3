-- Marks that an agent holds the outcome; only the first mark counts.
-- KEYS  request, outbox, installation
-- ARGV  id
-- Returns 1 for the first mark, else 0.
local request = redis.call('HMGET', KEYS[1], 'status', 'collected_ms')
if not request[1] or request[1] == '@PENDING@' or request[2] then return 0 end
local now = digits(now_ms())
redis.call('HSET', KEYS[1], 'collected_ms', now)
remember(KEYS[2], KEYS[3], 'type', 'collected', 'request_id', ARGV[1], 'status', request[1], 'collected_ms', now)
return 1
