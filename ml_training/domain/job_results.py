"""What a COMPLETED job made: the field of the API that shows the id of the result, for each job type."""

from ml_training.domain.specs import JobType

RESULT_FIELDS = {
    JobType.TRAIN: "model_id",
    JobType.TEST: "test_result_id",
    JobType.COMPARE: "comparison_id",
    JobType.INGEST: "dataset_id",
}
