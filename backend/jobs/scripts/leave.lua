-- Forgets consumers that hold nothing: this one on its way out, and those long silent.
-- ARGV: consumer ('' for none), silent_ms
for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', QUEUE, GROUP)) do
  local consumer = {}
  for index = 1, #info, 2 do consumer[info[index]] = info[index + 1] end
  local gone = consumer.name == ARGV[1] or consumer.idle > tonumber(ARGV[2])
  -- Deleting a consumer forgets what it holds: only one that holds nothing may go.
  if gone and consumer.pending == 0 then redis.call('XGROUP', 'DELCONSUMER', QUEUE, GROUP, consumer.name) end
end
return 0
