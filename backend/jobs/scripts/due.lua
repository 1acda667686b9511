-- Takes jobs whose delay is over. Returns their entries: { id, { field, value, … } }.
-- ARGV: consumer, count
local entries = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', RETRY, 0, now_ms(), 'LIMIT', 0, ARGV[2])) do
  redis.call('ZREM', RETRY, id)
  for _, entry in ipairs(redis.call('XCLAIM', QUEUE, GROUP, ARGV[1], 0, id)) do
    table.insert(entries, entry)
  end
end
return entries
