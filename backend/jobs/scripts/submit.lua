-- Puts jobs into the queue, all or none.
-- ARGV: deadline_ms, max_jobs, token, digest, token_ttl_ms, caller, batch ('' for none), then request, webhook, … a job
local deadline, max_jobs = tonumber(ARGV[1]), tonumber(ARGV[2])
local token, digest, token_ttl, caller, batch = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local now = now_ms()
-- A command can lie in a socket's buffer until long after its caller was told 503: too late is refused, not half accepted.
if now > deadline then return { 'late' } end

local token_key = 'glm:token:' .. token
local seen = redis.call('HMGET', token_key, 'digest', 'id')
if seen[1] then
  if seen[1] ~= digest then return { 'mismatch' } end
  return { 'accepted', seen[2] }
end

local count = (#ARGV - 7) / 2
local waiting = redis.call('XLEN', QUEUE)
if waiting + count > max_jobs then return { 'full', waiting } end

local first
for index = 8, #ARGV, 2 do
  local id = redis.call('XADD', QUEUE, '*', 'request', ARGV[index])
  first = first or id
  local record = { 'status', 'queued', 'created', now, 'caller', caller, 'attempt', 0 }
  if batch ~= '' then
    table.insert(record, 'batch')
    table.insert(record, batch)
    redis.call('RPUSH', batch_key(batch) .. ':jobs', id)
  end
  if ARGV[index + 1] ~= '' then
    table.insert(record, 'webhook')
    table.insert(record, ARGV[index + 1])
  end
  redis.call('HSET', job_key(id), unpack(record))
end
if batch ~= '' then
  redis.call('HSET', batch_key(batch), 'caller', caller, 'created', now, 'total', count, 'open', count)
end
local id = batch == '' and first or batch
redis.call('HSET', token_key, 'digest', digest, 'id', id)
redis.call('PEXPIRE', token_key, token_ttl)
return { 'accepted', id }
