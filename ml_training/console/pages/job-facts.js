// What the pages say of a job in a few words, and where its result is.
import { t } from "../core/text.js";

export const STATUSES = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"];
export const JOB_TYPES = ["TRAIN", "TEST", "COMPARE", "PREDICT", "TUNE", "EXPLAIN", "DRIFT", "INGEST"];
export const LIVING = ["PENDING", "RUNNING"];

// The page that shows what a job made, by the field of its result.
const RESULT_PAGES = {
  model_id: "/models/",
  test_result_id: "/tests/",
  comparison_id: "/comparisons/",
  prediction_id: "/predictions/",
  study_id: "/studies/",
  explanation_id: "/explanations/",
  drift_report_id: "/drift/",
  dataset_id: "/datasets/",
};

/** "churn · lightgbm" */
export function jobTitle(job) {
  const { spec } = job;
  const name = spec.model_name || spec.model || (spec.model_id ? `#${spec.model_id}` : "") || (spec.model_ids ? spec.model_ids.map((id) => `#${id}`).join(", ") : "");
  const type = ["none", "mixed"].includes(job.model_type) ? "" : job.model_type;
  return [name || (job.dataset_id ? `${t("dataset.one")} ${job.dataset_id}` : ""), type].filter(Boolean).join(" · ");
}

/** [address, field, id] of what a COMPLETED job made, else null. */
export function resultOf(job) {
  const found = Object.entries(job.result || {}).find(([field, id]) => id && RESULT_PAGES[field]);
  return found ? [RESULT_PAGES[found[0]] + found[1], found[0], found[1]] : null;
}
