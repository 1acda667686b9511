-- Gives a job up: into the dead letters, with all it held. Returns whether the attempt was current.
-- ARGV: id, attempt, ttl_ms, dead_ttl_ms, reason, error (JSON)
local id, attempt, ttl, dead_ttl, reason, problem = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not is_current(id, attempt) then return 0 end
local entry = redis.call('XRANGE', QUEUE, id, id)[1]
local fields = entry and entry[2] or {}
-- Lua unpacks some thousands of values at most; no honest job has so many fields.
if #fields > 1000 then fields = {} end
local letter = { 'job', id, 'reason', reason, 'error', problem, 'attempt', attempt }
for _, text in ipairs(fields) do table.insert(letter, text) end
redis.call('XADD', DEAD, 'MINID', '~', now_ms() - tonumber(dead_ttl), '*', unpack(letter))
finish(id, 'dead', { 'attempt', attempt, 'error', problem }, tonumber(ttl))
return 1
