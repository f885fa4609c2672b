DROP INDEX jobs_epoch_is_key;
