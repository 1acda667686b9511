-- Finds attempts nobody says are alive any more. Returns { cursor, { id, attempt, tries }, … }; cursor 0-0 is the end.
-- ARGV: consumer, lease_ms, cursor, count
local page = redis.call('XAUTOCLAIM', QUEUE, GROUP, ARGV[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4], 'JUSTID')
local found = { page[1] }
for _, id in ipairs(page[2]) do
  -- Who waits for a retry is idle by right.
  if not redis.call('ZSCORE', RETRY, id) then
    local record = redis.call('HMGET', job_key(id), 'attempt', 'spared')
    local attempt = tonumber(record[1] or 0)
    table.insert(found, { id, attempt, attempt - tonumber(record[2] or 0) })
  end
end
return found
