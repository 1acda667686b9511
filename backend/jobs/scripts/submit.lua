-- Puts jobs into the queue, all or none.
-- ARGV: deadline_ms, max_jobs, token, digest, token_ttl_ms, caller, batch ('' for none), reservation at the edge ('' for
-- none), then request, webhook, max_tokens, … a job
local deadline, max_jobs = tonumber(ARGV[1]), tonumber(ARGV[2])
local token, digest, token_ttl, caller = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local batch, reservation = ARGV[7], ARGV[8]
local first_job, fields_a_job = 9, 3
local count = (#ARGV - first_job + 1) / fields_a_job
local now = now_ms()
-- A command can lie in a socket's buffer until long after its caller was told 503: too late is refused, not half accepted.
if now > deadline then return { 'late' } end

local token_key = 'glm:token:' .. token
local seen = redis.call('HMGET', token_key, 'digest', 'id', 'reservation')
if seen[1] then
  if seen[1] ~= digest then return { 'mismatch' } end
  -- The jobs are there, under the reservation they came with first: what was reserved for them again is of no use.
  if reservation ~= '' and reservation ~= seen[3] then
    for line = 0, count - 1 do settle(reservation .. '-' .. line, 0, 0, 0) end
  end
  return { 'accepted', seen[2] }
end

local waiting = redis.call('XLEN', QUEUE)
if waiting + count > max_jobs then return { 'full', waiting } end

local first
for line = 0, count - 1 do
  local index = first_job + line * fields_a_job
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
  if ARGV[index + 2] ~= '' then
    table.insert(record, 'max_tokens')
    table.insert(record, ARGV[index + 2])
  end
  if reservation ~= '' then
    table.insert(record, 'reservation')
    table.insert(record, reservation .. '-' .. line)
  end
  redis.call('HSET', job_key(id), unpack(record))
end
if batch ~= '' then
  redis.call('HSET', batch_key(batch), 'caller', caller, 'created', now, 'total', count, 'open', count)
end
local id = batch == '' and first or batch
redis.call('HSET', token_key, 'digest', digest, 'id', id, 'reservation', reservation)
redis.call('PEXPIRE', token_key, token_ttl)
return { 'accepted', id }
