// What happens when a row is taken for positive from a probability on: a slider moves through the possible choices.
import { html, useMemo, useState } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Chart } from "./chart.js";
import { NumberField } from "./fields.js";
import { mergeLines } from "./lines.js";

const UNIT = [0, 1];

/** points of an explanation: its thresholds as they are. */
export const pointsOfTable = (rows) => rows.map(({ threshold, tp, fp, tn, fn }) => ({ threshold, tp, fp, tn, fn })).toReversed();

/** points of a ROC curve: rates times the rows of both classes, which the confusion matrix counts. */
export function pointsOfCurve(roc, matrix, positive) {
  const at = matrix.labels.indexOf(positive);
  const sums = matrix.counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  const [positives, negatives] = [sums[at], sums[1 - at]];
  return roc.fpr.map((fpr, index) => {
    const [tp, fp] = [Math.round(roc.tpr[index] * positives), Math.round(fpr * negatives)];
    return { threshold: roc.threshold?.[index] ?? null, tp, fp, tn: negatives - fp, fn: positives - tp };
  });
}

/**
 * points: [{threshold, tp, fp, tn, fn}], the strictest first. positive, negative: the names of the classes.
 * start: the point to begin with, by its numbers. costs: {false_positive, false_negative} to begin with. curves: the ROC
 * and precision-recall curves with more points than the slider has.
 */
export function Thresholds({ points, positive, negative, start, costs, curves }) {
  const [chosen, setChosen] = useState(() => nearest(points, start));
  const [cost, setCost] = useState({ false_positive: costs?.false_positive ?? 1, false_negative: costs?.false_negative ?? 1 });
  const costOf = (point) => point.fp * (cost.false_positive ?? 0) + point.fn * (cost.false_negative ?? 0);
  const cheapest = points.reduce((best, point, index) => (costOf(point) < costOf(points[best]) ? index : best), 0);
  const at = Math.min(chosen, points.length - 1);
  const point = points[at];
  return html`<div class="thresholds">
    <div class="card"><label for="threshold">${t("threshold.slider", { positive })}</label>
      <input id="threshold" type="range" min="0" max=${points.length - 1} value=${at} onInput=${(event) => setChosen(Number(event.target.value))} aria-valuetext=${describe(point, positive)} />
      <p role="status">${describe(point, positive)}</p>
      <${Outcome} point=${point} positive=${positive} negative=${negative} />
      <div class="filters">
        <${NumberField} label=${t("threshold.cost_fp", { negative, positive })} value=${cost.false_positive} min="0" onChange=${(value) => setCost({ ...cost, false_positive: value })} />
        <${NumberField} label=${t("threshold.cost_fn", { negative, positive })} value=${cost.false_negative} min="0" onChange=${(value) => setCost({ ...cost, false_negative: value })} />
      </div>
      <p>${t("threshold.cost", { cost: format.number(costOf(point), 2), cheapest: format.number(costOf(points[cheapest]), 2) })}</p>
      <button onClick=${() => setChosen(cheapest)} disabled=${at === cheapest}>${t("threshold.use_cheapest")}</button></div>
    <${Curves} curves=${curves} point=${point} best=${points[cheapest]} points=${points} />
  </div>`;
}

function nearest(points, start) {
  if (!start) return Math.floor(points.length / 2);
  const distance = (point) => Math.abs(point.tp - start.tp) + Math.abs(point.fp - start.fp);
  return points.reduce((best, point, index) => (distance(point) < distance(points[best]) ? index : best), 0);
}

const ratio = (part, whole) => (whole ? part / whole : null);
const precision = (point) => ratio(point.tp, point.tp + point.fp);
const recall = (point) => ratio(point.tp, point.tp + point.fn);
const falseRate = (point) => ratio(point.fp, point.fp + point.tn);

function describe(point, positive) {
  const taken = format.percent(ratio(point.tp + point.fp, point.tp + point.fp + point.tn + point.fn));
  if (point.threshold === null) return t("threshold.taken", { positive, share: taken });
  const isProbability = point.threshold >= 0 && point.threshold <= 1;
  return t(isProbability ? "threshold.from" : "threshold.from_score", { threshold: format.score(point.threshold), positive, share: taken });
}

function Outcome({ point, positive, negative }) {
  const rates = [[t("score.precision"), precision(point)], [t("score.recall"), recall(point)], [t("score.fpr"), falseRate(point)]];
  return html`<table class="outcome" aria-label=${t("model.matrix")}><thead><tr><td></td><th scope="col">${negative}</th><th scope="col">${positive}</th></tr></thead><tbody>
      <tr><th scope="row">${negative}</th><td class="numeric right">${format.number(point.tn)}</td><td class="numeric wrong">${format.number(point.fp)}</td></tr>
      <tr><th scope="row">${positive}</th><td class="numeric wrong">${format.number(point.fn)}</td><td class="numeric right">${format.number(point.tp)}</td></tr></tbody></table>
    <p class="quiet">${t("matrix.caption")}</p><p class="rates">${rates.map(([name, value]) => html`<span key=${name}>${name} <strong>${format.percent(value)}</strong></span>`)}</p>`;
}

function Curves({ curves, points, point, best }) {
  const found = curves ?? { roc: { fpr: points.map(falseRate), tpr: points.map(recall) }, precision_recall: { recall: points.map(recall), precision: points.map(precision) } };
  const marked = (label, place, colour) => ({ label, x: [place[0]], y: [place[1]], colour, points: true });
  const roc = useMemo(() => ({ label: t("curve.model"), x: found.roc.fpr, y: found.roc.tpr }), [curves, points]);
  const pr = useMemo(() => ({ label: t("curve.model"), ...ordered(found.precision_recall) }), [curves, points]);
  const places = (x, y) => [marked(t("threshold.cheapest"), [x(best), y(best)], "#2e9b63"), marked(t("threshold.now"), [x(point), y(point)], "#c7387a")];
  return html`<div class="cards">
    <section class="card"><h2>${t("curve.roc")}</h2><p class="quiet">${t("curve.roc_hint")}</p>
      <${Chart} title=${t("curve.roc")} xLabel=${t("score.fpr")} yLabel=${t("score.recall")} xRange=${UNIT} yRange=${UNIT} ...${mergeLines([roc, { label: t("curve.chance"), x: UNIT, y: UNIT, colour: "#8b95a3", dash: [4, 4] }, ...places(falseRate, recall)])} /></section>
    <section class="card"><h2>${t("curve.pr")}</h2><p class="quiet">${t("curve.pr_hint")}</p>
      <${Chart} title=${t("curve.pr")} xLabel=${t("score.recall")} yLabel=${t("score.precision")} xRange=${UNIT} yRange=${UNIT} ...${mergeLines([pr, ...places(recall, precision)])} /></section></div>`;
}

// Rising recall; points without a precision (nobody is taken for positive) are not drawn.
function ordered(curve) {
  const order = curve.recall.map((_, index) => index).filter((index) => curve.precision[index] !== null);
  order.sort((one, other) => curve.recall[one] - curve.recall[other] || curve.precision[other] - curve.precision[one]);
  return { x: order.map((index) => curve.recall[index]), y: order.map((index) => curve.precision[index]) };
}
