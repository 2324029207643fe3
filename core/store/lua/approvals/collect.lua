-- Marks that an agent holds the outcome; only the first mark counts, and it may be made under a name.
-- KEYS  request, outbox, installation
-- ARGV  id, claim or ''
-- Returns {} where nothing has ended, else {'1' for the first mark or '', collected_ms, claim or '', channel, agent_id,
-- key or ''} of the mark that stands.
local request = redis.call('HMGET', KEYS[1], 'status', 'collected_ms', 'claim', 'channel', 'agent_id', 'key')
if not request[1] or request[1] == '@PENDING@' then return {} end
if request[2] then return {'', request[2], request[3] or '', request[4] or '', request[5] or '', request[6] or ''} end
local now = digits(now_ms())
redis.call('HSET', KEYS[1], 'collected_ms', now, 'claim', ARGV[2])
remember(KEYS[2], KEYS[3], 'type', 'collected', 'request_id', ARGV[1], 'status', request[1], 'collected_ms', now,
  'claim', ARGV[2])
return {'1', now, ARGV[2], request[4] or '', request[5] or '', request[6] or ''}
