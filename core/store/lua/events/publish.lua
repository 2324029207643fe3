-- Publishes one event.
-- KEYS  event stream, event types
-- ARGV  event type, source, data as a JSON object
-- Returns {id, length of the stream of types when this type was born, else 0}.
return {publish(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])}
