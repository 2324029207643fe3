-- How much of streams is left.
-- KEYS  event streams
-- Returns for each {how many entries it ever had, how many it has, id of the first of these, the id given last}; zeros
-- where there is no stream.
local kept = {}
for i = 1, #KEYS do
  local info, said = redis.pcall('XINFO', 'STREAM', KEYS[i]), {}
  for at = 1, info.err and 0 or #info, 2 do said[info[at]] = info[at + 1] end
  kept[i] = {said['entries-added'] or 0, said['length'] or 0, said['recorded-first-entry-id'] or '0-0',
    said['last-generated-id'] or '0-0'}
end
return kept
