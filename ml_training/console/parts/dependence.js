// Partial dependence on one feature: a curve for a number, bars for categories, and where rows have values (the rug).
import { Fragment, html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Bars } from "./bars.js";
import { Chart } from "./chart.js";
import { mergeLines } from "./lines.js";

const MOST_CURVES = 8;
const LONGEST_NAME = 36; // in a drawing

/** dependence: {feature, kind, grid, means, rug, missing_share, missing_means} of an explanation. */
export function Dependence({ dependence }) {
  const { feature, kind, grid, means, missing_share: share, missing_means: missing } = dependence;
  const outputs = Object.keys(means).slice(0, MOST_CURVES);
  const isNumber = !["category", "boolean"].includes(kind);
  if (!grid.length || !outputs.length) return html`<p class="quiet">${t("explain.no_dependence")}</p>`;
  return html`${isNumber ? html`<${Curves} dependence=${dependence} outputs=${outputs} />` : outputs.map((output) => html`<${Fragment} key=${output}>${outputs.length > 1 && html`<h3>${label(output)}</h3>`}<${Bars} title=${`${feature}: ${label(output)}`} nameLabel=${feature} valueLabel=${label(output)} items=${grid.map((value, at) => ({ label: format.any(value), value: means[output][at] }))} /><//>`)}
    ${Object.keys(means).length > MOST_CURVES && html`<p class="quiet">${t("dependence.most", { shown: MOST_CURVES, count: Object.keys(means).length })}</p>`}
    ${missing && html`<p class="quiet">${t("dependence.missing", { share: format.percent(share), value: outputs.map((output) => `${label(output)} ${format.score(missing[output])}`).join(", ") })}</p>`}`;
}

const short = (name) => (name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name);

const label = (output) => (output === "prediction" ? t("prediction") : output);

function Curves({ dependence, outputs }) {
  const { feature, grid, means, rug } = dependence;
  const curves = outputs.map((output) => ({ label: short(label(output)), x: grid, y: means[output] }));
  const values = curves.flatMap((curve) => curve.y).filter((value) => value !== null);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const floor = low - (high - low || 1) * 0.08;
  const inside = rug.filter((value) => value >= grid[0] && value <= grid.at(-1));
  if (inside.length) curves.push({ label: t("dependence.rug"), x: inside, y: inside.map(() => floor), points: 5, colour: "#7a6a58" });
  return html`<${Chart} title=${t("dependence.title", { feature })} xLabel=${short(feature)} yLabel=${outputs.length === 1 ? label(outputs[0]) : t("prediction")} ...${mergeLines(curves)} />`;
}
