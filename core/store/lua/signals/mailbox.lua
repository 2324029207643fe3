-- Reads an agent's inbox and the broadcasts as one mailbox, oldest first.
-- KEYS  inbox, inbox expiry, broadcasts, broadcast expiry, consumed [, claimed]
-- ARGV  'look', 'take' (consume and return) or 'clear' (consume and count), most signals,
--       type or '', source or '', the last inbox entry already read or '', the last broadcast or '',
--       '1' when the same was asked before and its reply was lost
-- Returns {1 if there may be more, last inbox entry read, last broadcast read, count,
-- {malformed entry, ...}, {{'inbox' or 'broadcast', signal id, type, source, sent ms, ttl, payload}, ...}}.
local mode, most, kind, source = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local NAMES = {'signal_id', 'type', 'source', 'sent_ms', 'expires_ms', 'ttl_seconds', 'payload'}
local now = now_ms()

if ARGV[7] == '1' then
  local taken = redis.call('LRANGE', KEYS[6], 0, -1)
  if #taken > 0 then return {0, '', '', 1, {}, {taken}} end
end

local function opened(name, stream, expiry, last)
  return {name = name, stream = stream, expiry = expiry, last = last, entries = {}, next = 1, chunk = 2}
end

-- The next entry of a stream, read in growing chunks: the oldest match is mostly the first.
local function head(box)
  if box.next > #box.entries and not box.ended then
    local start = box.last == '' and '-' or '(' .. box.last
    box.entries = redis.call('XRANGE', box.stream, start, '+', 'COUNT', box.chunk)
    box.next, box.ended = 1, #box.entries < box.chunk
    box.chunk = math.min(box.chunk * 2, 128)
  end
  return box.entries[box.next]
end

local function before(a, b)
  local a_ms, a_sequence = string.match(a, '^(%d+)-(%d+)$')
  local b_ms, b_sequence = string.match(b, '^(%d+)-(%d+)$')
  a_ms, b_ms = tonumber(a_ms), tonumber(b_ms)
  return a_ms < b_ms or (a_ms == b_ms and tonumber(a_sequence) < tonumber(b_sequence))
end

local inbox = opened('inbox', KEYS[1], KEYS[2], ARGV[5])
local broadcasts = opened('broadcast', KEYS[3], KEYS[4], ARGV[6])

-- How far every broadcast of this type and source is consumed or expired: read no more, since new ones come behind it.
-- It stands among the consumed ones, as the microseconds of an id, and ends with the last of them.
local READ, NOTED_AFTER = '\n' .. kind .. '\n' .. source, 32
local function read_to()
  local us = tonumber(redis.call('ZSCORE', KEYS[5], READ) or nil)
  local newest = us and redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
  local id = us and digits(math.floor(us / 1000)) .. '-' .. digits(us % 1000)
  -- One that is behind all is of a stream that is gone.
  if newest and not before(newest[1], id) then return id end
end
local noted = read_to()
local goes_on = ARGV[6] == '' or (noted ~= nil and not before(noted, ARGV[6]))
if goes_on then broadcasts.last = noted or '' end
local passed, passed_us = 0, nil

local function pass(id, over)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  -- Strange ids are no microseconds, or more than a score can tell apart.
  goes_on = goes_on and over and #ms < 14 and #sequence < 4 and tonumber(ms) < 9e12
  if goes_on then passed, passed_us = passed + 1, tonumber(ms) * 1000 + tonumber(sequence) end
end

local function well_formed(fields)
  for i, name in ipairs(NAMES) do
    if fields[2 * i - 1] ~= name then return false end
  end
  return #fields == 2 * #NAMES and moment(fields[10]) ~= nil
end

local function drop(box, id)
  if mode == 'look' then return end
  redis.call('ZREM', box.expiry, id)
  redis.call('XDEL', box.stream, id)
  box.dropped = true
end

local function consume(box, id, expires)
  if box == inbox then return drop(box, id) end
  redis.call('ZADD', KEYS[5], expires, id)
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', digits(now))
  -- PEXPIREAT's own GT skips a key that has no end yet.
  if redis.call('PEXPIRETIME', KEYS[5]) < tonumber(expires) then redis.call('PEXPIREAT', KEYS[5], expires) end
end

local found, malformed, count, bytes, more = {}, {}, 0, 0, 0
while true do
  local box, entry, other = inbox, head(inbox), head(broadcasts)
  if other and not (entry and before(entry[1], other[1])) then box, entry = broadcasts, other end
  if not entry then break end
  if count == most or bytes >= @PAGE_BYTES@ then more = 1 break end
  local id, fields, over = entry[1], entry[2], true
  box.next, box.last = box.next + 1, id
  if not well_formed(fields) then
    table.insert(malformed, box.name .. ' ' .. id)
    drop(box, id)
    over = mode ~= 'look'
  elseif now >= moment(fields[10]) then
    drop(box, id)
  elseif (kind == '' or fields[4] == kind) and (source == '' or fields[6] == source)
    and (box == inbox or not redis.call('ZSCORE', KEYS[5], id)) then
    count, over = count + 1, mode ~= 'look'
    if mode ~= 'look' then consume(box, id, fields[10]) end
    if mode ~= 'clear' then
      bytes = bytes + #fields[14]
      table.insert(found, {box.name, fields[2], fields[4], fields[6], fields[8], fields[12], fields[14]})
    end
    if mode == 'take' then break end
  end
  if box == broadcasts then pass(id, over) end
end
-- Written last: a full server refuses a script's first write only, so mailboxes can still be emptied.
if mode == 'take' and KEYS[6] and found[1] then
  redis.call('RPUSH', KEYS[6], unpack(found[1]))
  redis.call('PEXPIRE', KEYS[6], @CLAIM_TTL_MS@)
end
if passed >= NOTED_AFTER and redis.call('EXISTS', KEYS[5]) == 1 then
  redis.pcall('ZADD', KEYS[5], digits(passed_us), READ)
end
for _, box in ipairs({inbox, broadcasts}) do
  if box.dropped and redis.call('XLEN', box.stream) == 0 then redis.call('DEL', box.stream, box.expiry) end
end
return {more, inbox.last, broadcasts.last, count, malformed, found}
