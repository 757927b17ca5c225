// How good a model is: one number that fits its task, and the table of all scores.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { IntervalBar } from "../parts/interval.js";
import { Table } from "../parts/table.js";
import { LOWER_IS_BETTER, fittingMetric, heldOut, intervalOf, intervalText, isBetter, scoreName, scoresOf } from "./model-facts.js";

/** The score that fits the task, its interval, and what a prediction without any feature would get. */
export function Headline({ model }) {
  const metric = fittingMetric(model.task);
  const value = heldOut(model);
  const base = model.scores.baseline?.[metric];
  const interval = intervalOf(model.details.score_intervals, "held_out", metric);
  const second = model.task === "regression" ? "mae" : "accuracy";
  return html`<div class="numbers headline">
      <div class="number"><span>${scoreName(metric)}</span><strong>${format.score(value)}</strong><span>${interval ? intervalText(interval) : t("interval.none")}</span></div>
      <div class="number"><span>${t("model.baseline")}</span><strong>${format.score(base)}</strong><span>${t("model.baseline_hint")}</span></div>
      ${second !== metric && html`<div class="number"><span>${scoreName(second)}</span><strong>${format.score(heldOut(model, second))}</strong><span>${t("model.baseline_short", { value: format.score(model.scores.baseline?.[second]) })}</span></div>`}
    </div>
    <p>${t(verdict(metric, value, base, interval), { score: scoreName(metric) })} <span class="quiet">${t("model.held_out_rows", { rows: format.number(model.details.rows?.held_out) })} ${t("model.score_means", { score: scoreName(metric), means: t(`score.${metric}_means`) })}</span></p>`;
}

function verdict(metric, value, base, interval) {
  if (value === null || base === null || base === undefined) return "model.verdict_unknown";
  if (!isBetter(metric, value, base)) return "model.verdict_useless";
  const worst = interval && interval[LOWER_IS_BETTER.includes(metric) ? 1 : 0];
  return interval && !isBetter(metric, worst, base) ? "model.verdict_unsure" : "model.verdict_better";
}

export function ModelScores({ model }) {
  const { train = {}, held_out: held = {}, baseline = {} } = model.scores;
  const intervals = model.details.score_intervals;
  const spread = model.scores.spread?.held_out ?? model.scores.spread;
  const rows = scoresOf(model.task).map((metric) => ({ metric, train: train[metric], held: held[metric], base: baseline[metric], interval: intervalOf(intervals, "held_out", metric), spread: spread?.[metric] }));
  return html`<${MajorityShare} model=${model} /><${ScoreTable} rows=${rows} hasSpread=${Boolean(spread)} file=${`${model.name}-${model.version}`} />
    <p class="quiet">${t("scores.explain")}</p>
    ${Array.isArray(model.scores.splits) && html`<h2>${t("scores.by_split")}</h2><${Splits} splits=${model.scores.splits} task=${model.task} />`}`;
}

function ScoreTable({ rows, hasSpread, file }) {
  const number = (title, field) => ({ title, numeric: true, cell: (row) => format.score(row[field]), text: (row) => row[field] });
  const columns = [
    { title: t("score"), cell: (row) => html`<strong>${scoreName(row.metric)}</strong> <small>${t(`score.${row.metric}_means`)}</small>`, text: (row) => row.metric },
    number(t("scores.held_out"), "held"),
    { title: t("interval"), cell: (row) => html`<span class="together"><${IntervalBar} value=${row.held} interval=${row.interval} base=${row.base} range=${rangeOf(row)} /> ${intervalText(row.interval)}</span>`, text: (row) => row.interval?.join(" ") },
    number(t("model.baseline"), "base"),
    number(t("scores.train"), "train"),
  ];
  if (hasSpread) columns.splice(2, 0, number(t("scores.spread"), "spread"));
  return html`<${Table} label=${t("model.scores")} rows=${rows} keyOf=${(row) => row.metric} columns=${columns} file=${file} />`;
}

function rangeOf(row) {
  const found = [row.held, row.base, ...(row.interval ?? [])].filter((one) => one !== null && one !== undefined);
  return [Math.min(0, ...found), Math.max(...found, LOWER_IS_BETTER.includes(row.metric) ? 0 : 1)];
}

/** What always naming the most frequent class would get right. */
function MajorityShare({ model }) {
  const matrix = model.details.confusion_matrix;
  if (!matrix) return null;
  const sums = matrix.counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  const total = sums.reduce((sum, count) => sum + count, 0);
  const most = sums.indexOf(Math.max(...sums));
  return html`<p>${t("scores.majority", { label: String(matrix.labels[most]), share: format.percent(sums[most] / total) })}</p>`;
}

function Splits({ splits, task }) {
  const partOf = (split) => split.held_out ?? split;
  const columns = [
    { title: t("split"), numeric: true, cell: (row) => row.number, text: (row) => row.number },
    ...scoresOf(task).map((metric) => ({ title: scoreName(metric), numeric: true, cell: (row) => format.score(row[metric]), text: (row) => row[metric] })),
  ];
  return html`<${Table} label=${t("scores.by_split")} file=${t("scores.by_split")} columns=${columns} keyOf=${(row) => row.number} rows=${splits.map((split, at) => ({ number: at + 1, ...partOf(split) }))} />`;
}
