-- What one source published lately.
-- KEYS  event streams
-- ARGV  source, how many of the newest entries to look at in each stream, longest data that is returned, in bytes
-- Returns for each stream {id, fields, bytes of data} of every entry of the source, newest first; data that is
-- longer is '{}'. A stream that is none has no entries.
local source, most, longest = ARGV[1], ARGV[2], tonumber(ARGV[3])

local function taken(entry)
  local fields, ours, bytes = entry[2], false, 0
  for i = 1, #fields, 2 do
    if fields[i] == 'source' then ours = fields[i + 1] == source end
    if fields[i] == 'data' then
      bytes = #fields[i + 1]
      if bytes > longest then fields[i + 1] = '{}' end
    end
  end
  return ours and {entry[1], fields, bytes}
end

local found = {}
for i = 1, #KEYS do
  found[i] = {}
  local entries = redis.pcall('XREVRANGE', KEYS[i], '+', '-', 'COUNT', most)
  for _, entry in ipairs(entries.err and {} or entries) do
    local event = taken(entry)
    if event then table.insert(found[i], event) end
  end
end
return found
