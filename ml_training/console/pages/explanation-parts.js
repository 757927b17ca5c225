// The parts of an explanation; the page of a model shows those of its newest one too.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Bars } from "../parts/bars.js";
import { Facts } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";
import { Dependence } from "../parts/dependence.js";
import { IntervalBar } from "../parts/interval.js";
import { mergeLines } from "../parts/lines.js";
import { PagedTable } from "../parts/paged-table.js";
import { Thresholds, pointsOfTable } from "../parts/thresholds.js";
import { scoreName } from "./model-facts.js";

const UNIT = [0, 1];

export function Permutation({ explanation }) {
  const found = explanation.permutation_importance;
  const metric = scoreName(found.metric);
  return html`<p class="quiet">${t("explain.importance_hint", { metric, rows: format.number(found.rows), repeats: found.repeats })}</p>
    <${Bars} title=${t("explain.importance")} items=${found.features.map(({ feature, value, spread }) => ({ label: feature, value, spread }))} nameLabel=${t("feature")} valueLabel=${t("explain.loss", { metric })} spreadLabel=${t("spread")} />`;
}

export function Contributions({ explanation }) {
  const { features, reason, rows } = explanation.contributions;
  if (!features) return html`<p>${t("explain.no_contributions")} <span class="quiet">${reason}</span></p>`;
  return html`<p class="quiet">${t("explain.contributions_hint", { rows: format.number(rows) })}</p>
    <${Bars} title=${t("explain.contributions")} items=${features.map(({ feature, value }) => ({ label: feature, value: mean(value) }))} nameLabel=${t("feature")} valueLabel=${t("explain.contribution")} />`;
}

// With several classes a feature has a number for each of them.
const mean = (value) => (Array.isArray(value) ? value.reduce((sum, one) => sum + one, 0) / value.length : value);

export function Dependences({ explanation }) {
  if (!explanation.partial_dependence.length) return html`<p>${t("explain.no_dependence")}</p>`;
  return html`<p class="quiet">${t("explain.dependence_hint")}</p><div class="cards">${explanation.partial_dependence.map((one) => html`<section class="card" key=${one.feature}><h2>${one.feature}</h2><${Dependence} dependence=${one} /></section>`)}</div>`;
}

export function Calibration({ explanation }) {
  const found = explanation.calibration;
  if (!found) return html`<p>${t("explain.no_calibration")}</p>`;
  const x = found.bins.map((bin) => bin.predicted);
  const of = (name) => found.bins.map((bin) => bin[name]);
  const curves = [
    { label: t("calibration.ideal"), x: UNIT, y: UNIT, colour: "#8b95a3", dash: [4, 4] },
    { label: t("calibration.observed"), x, y: of("observed"), colour: "#2f6fd6" },
    { label: t("calibration.low"), x, y: of("low"), colour: "#d9622b", dash: [3, 3] },
    { label: t("calibration.high"), x, y: of("high"), colour: "#d9622b", dash: [3, 3] },
  ];
  return html`<p class="quiet">${t(found.of === "positive" ? "calibration.hint" : "calibration.hint_likeliest")}</p>
    <${Chart} title=${t("model.calibration")} xLabel=${t("calibration.predicted")} yLabel=${t("calibration.observed")} xRange=${UNIT} yRange=${UNIT} height=${320} ...${mergeLines(curves)} />
    <${Facts} items=${[[t("calibration.brier"), format.score(found.brier)], [t("calibration.error"), format.percent(found.expected_error)]]} />`;
}

export function ThresholdsOf({ explanation, classes, positive }) {
  if (!explanation.thresholds) return html`<p>${t("explain.no_thresholds")}</p>`;
  const points = pointsOfTable(explanation.thresholds.rows);
  const half = points.find((point) => point.threshold === 0.5);
  const negative = classes.find((one) => one !== positive);
  return html`<p class="quiet">${t("explain.thresholds_hint", { rows: format.number(explanation.rows) })}</p>
    <${Thresholds} points=${points} start=${half} costs=${explanation.lineage.spec?.costs} positive=${String(positive)} negative=${String(negative)} />`;
}

export function Lift({ explanation }) {
  const found = explanation.lift;
  if (!found) return html`<p>${t("explain.no_lift")}</p>`;
  const first = found[0];
  return html`<p>${t("lift.sentence", { share: format.percent(first.share), captured: format.percent(first.captured), lift: format.number(first.lift, 1) })}</p>
    <${Chart} title=${t("explain.lift")} xLabel=${t("lift.share")} yLabel=${t("lift.captured_short")} xRange=${UNIT} yRange=${UNIT}
      x=${[0, ...found.map((one) => one.share)]} lines=${[
        { label: t("lift.captured"), values: [0, ...found.map((one) => one.captured)] },
        { label: t("lift.chance"), values: [0, ...found.map((one) => one.share)], colour: "#8b95a3", dash: [4, 4] },
      ]} />`;
}

export function Residuals({ explanation }) {
  const found = explanation.residuals;
  if (!found) return html`<p>${t("explain.no_residuals")}</p>`;
  const points = found.points.filter(([x, y]) => x !== null && y !== null);
  const groups = found.by_prediction.filter((group) => group.predicted !== null && group.mean !== null);
  const curves = [
    { label: t("residual.one"), x: points.map(([x]) => x), y: points.map(([, y]) => y), points: 4, colour: "#7d9fd6" },
    { label: t("residual.mean"), x: groups.map((group) => group.predicted), y: groups.map((group) => group.mean), colour: "#c7387a" },
  ];
  return html`<p class="quiet">${t("residual.hint")}</p><div class="cards">
    <section class="card"><h2>${t("residual.by_prediction")}</h2><${Chart} title=${t("residual.by_prediction")} xLabel=${t("prediction")} yLabel=${t("residual.one")} height=${300} ...${mergeLines(curves)} /></section>
    <section class="card"><h2>${t("residual.histogram")}</h2>${found.histogram ? html`<${Histogram} histogram=${found.histogram} />` : html`<p>${t("residual.all_equal")}</p>`}</section></div>
    <${Facts} items=${[[t("residual.mean"), format.score(found.mean)], ...Object.entries(found.quantiles).map(([share, value]) => [t("residual.quantile", { share: format.percent(Number(share)) }), format.score(value)])]} />`;
}

function Histogram({ histogram }) {
  const middles = histogram.rows.map((_, at) => (histogram.edges[at] + histogram.edges[at + 1]) / 2);
  return html`<${Chart} title=${t("residual.histogram")} xLabel=${t("residual.one")} yLabel=${t("rows")} height=${300} xRange=${[histogram.edges[0], histogram.edges.at(-1)]} x=${middles} lines=${[{ label: t("rows"), values: histogram.rows, bars: true }]} />`;
}

export function Slices({ explanation }) {
  if (!explanation.slices.length) return html`<p>${t("explain.no_slices")}</p>`;
  const overall = explanation.scores[explanation.metric];
  const rows = explanation.slices.flatMap(({ column, role, values }) => values.map((value) => ({ column, role, ...value })));
  rows.sort((one, other) => Number(Boolean(other.is_worse)) - Number(Boolean(one.is_worse)));
  const ends = rows.flatMap((row) => row.interval ?? []).concat(overall ?? []);
  const range = [Math.min(...ends), Math.max(...ends)];
  const metric = scoreName(explanation.metric);
  const worse = rows.filter((row) => row.is_worse).length;
  return html`<p>${t(worse ? "slices.some_worse" : "slices.none_worse", { count: worse, total: rows.length })} <span class="quiet">${t("slices.hint", { metric, score: format.score(overall) })}</span></p>
    <${PagedTable} label=${t("explain.slices")} rows=${rows} file=${t("explain.slices")} columns=${[
      { title: t("column"), cell: (row) => row.column, text: (row) => row.column },
      { title: t("value"), cell: (row) => format.any(row.value), text: (row) => row.value },
      { title: t("rows"), numeric: true, cell: (row) => format.number(row.rows), text: (row) => row.rows },
      { title: metric, numeric: true, cell: (row) => format.score(row.score), text: (row) => row.score },
      { title: t("interval"), cell: (row) => html`<${IntervalBar} value=${row.score} interval=${row.interval} base=${overall} range=${range} />`, text: (row) => row.interval?.join(" ") },
      { title: t("slices.verdict"), cell: (row) => row.is_worse && html`<span class="status failed">▼ ${t("slices.worse")}</span>`, text: (row) => row.is_worse },
    ]} />`;
}
