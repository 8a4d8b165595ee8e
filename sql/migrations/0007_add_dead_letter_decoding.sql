-- Dead letters by decoding: what one decoding of the archive refuses another one may take, and
-- processes with old and new code run side by side.
-- reads:      nothing
-- writes:     dead_letters
-- grain:      one row per record of the log and decoding
-- parameters: none
-- idempotent: the column is added only if absent, and is part of the key from then on
ALTER TABLE dead_letters
  ADD COLUMN IF NOT EXISTS decoding String COMMENT 'the decoding that refused the record; empty for the first of the topic',
  MODIFY ORDER BY (topic, log, partition, offset, decoding);
