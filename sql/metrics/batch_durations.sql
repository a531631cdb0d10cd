SELECT projection, bucket, batches, seconds FROM acci.batch_durations ORDER BY projection, bucket;
