-- Where streams end now.
-- KEYS  event streams
-- Returns the id of the newest entry of each, 0-0 where there is none.
local ids = {}
for i = 1, #KEYS do
  local entries = redis.pcall('XREVRANGE', KEYS[i], '+', '-', 'COUNT', 1)
  ids[i] = not entries.err and entries[1] and entries[1][1] or '0-0'
end
return ids
