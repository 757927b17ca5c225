// What the pages say of a model in a few words: its name, the score that fits its task, how a score reads.
import { t } from "../core/text.js";
import * as format from "../core/format.js";

export const CLASS_SCORES = ["accuracy", "f1", "precision", "recall", "roc_auc", "mcc", "log_loss", "fpr", "fnr"];
export const QUANTITY_SCORES = ["rmse", "mae", "r2", "mape"];
export const LOWER_IS_BETTER = ["log_loss", "fpr", "fnr", "rmse", "mae", "mape"];
const FITTING = { binary: "roc_auc", multiclass: "accuracy", regression: "r2" };
const BOUNDED = ["accuracy", "f1", "precision", "recall", "roc_auc", "fpr", "fnr"]; // 0 to 1

export const modelTitle = (model) => `${model.name} ${t("model.version", { version: model.version })}`;

export const scoreName = (metric) => t(`score.${metric}`);

export const scoresOf = (task) => (task === "regression" ? QUANTITY_SCORES : CLASS_SCORES);

/** The score that says in one number how good a model of this task is. */
export const fittingMetric = (task) => FITTING[task];

export const heldOut = (model, metric = fittingMetric(model.task)) => model.scores.held_out?.[metric] ?? null;

export const isBetter = (metric, one, other) => (LOWER_IS_BETTER.includes(metric) ? one < other : one > other);

/** The 95 % interval of a score, or null; a bootstrap may go beyond what the score can be. */
export function intervalOf(intervals, part, metric) {
  const found = intervals?.[part]?.[metric];
  if (!found || found.some((one) => one === null)) return null;
  return BOUNDED.includes(metric) ? found.map((one) => Math.min(1, Math.max(0, one))) : found;
}

export const intervalText = (interval) => (interval ? t("interval.text", { low: format.score(interval[0]), high: format.score(interval[1]) }) : "");

/** "left > 3", or "price up 5 % within 5m" */
export function targetText(target) {
  if (!target) return "";
  if (target.horizon) return t("target.moves", { column: target.column, direction: t(`target.${target.direction}`), percent: target.min_percent_change, horizon: target.horizon });
  return target.operator ? `${target.column} ${target.operator} ${format.any(target.value)}` : target.column;
}
