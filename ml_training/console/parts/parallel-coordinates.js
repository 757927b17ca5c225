// Parallel coordinates: an axis for each parameter and one for the score, and a line through them for each trial.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Picture, SvgText } from "./picture.js";

const MOST_LINES = 1000;
const NARROW_AXIS = 120; // px an axis: with less room the axes lie below one another
const TALL = 380;
const ROW = 64;
const EDGE = 46;
const LOG_FROM = 50; // a range of this ratio is drawn with equal distances for equal ratios

/**
 * axes: [{name, value(row)}]; rows: with a `number` and a `score` each; isBetter(one, other) of two scores.
 * Of more than 1,000 rows those at even ranks of the score are drawn, the best and the worst among them.
 */
export function ParallelCoordinates({ title, axes, score, rows, isBetter }) {
  const ranked = [...rows].sort((one, other) => (one.score === other.score ? 0 : isBetter(one.score, other.score) ? 1 : -1));
  const drawn = evenly(ranked, MOST_LINES);
  if (!drawn.length) return html`<p>${t("studies.no_score")}</p>`;
  const all = [...axes, { name: score, value: (row) => row.score }].map((axis) => ({ ...axis, ...scaleOf(drawn.map(axis.value)) }));
  const isNarrow = (width) => width < all.length * NARROW_AXIS;
  const height = (width) => (isNarrow(width) ? all.length * ROW + 20 : TALL);
  const columns = [
    { title: t("studies.number"), numeric: true, cell: (row) => row.number, text: (row) => row.number },
    ...all.map((axis) => ({ title: axis.name, numeric: true, cell: (row) => format.any(axis.value(row)), text: (row) => format.any(axis.value(row)) })),
  ];
  return html`<p class="quiet">${t("parallel.hint")} ${rows.length > MOST_LINES && t("parallel.most", { shown: format.number(MOST_LINES), count: format.number(rows.length) })}</p>
    <${Picture} title=${title} height=${height} columns=${columns} rows=${drawn.toReversed()} draw=${(width) => html`<${Lines} axes=${all} rows=${drawn} width=${width} height=${height(width)} isNarrow=${isNarrow(width)} />`} />`;
}

function evenly(rows, most) {
  if (rows.length <= most) return rows;
  return Array.from({ length: most }, (_, at) => rows[Math.round((at * (rows.length - 1)) / (most - 1))]);
}

/** {at(value) -> 0 to 1 or null, ends: [[share, text], ...]} for numbers, or for anything else by its text. */
function scaleOf(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  if (known.length && known.every((value) => typeof value === "number")) return numberScale(known);
  const texts = [...new Set(known.map(format.any))].sort();
  const at = (value) => (value === null || value === undefined ? null : texts.length < 2 ? 0.5 : texts.indexOf(format.any(value)) / (texts.length - 1));
  return { at, ends: texts.map((text) => [texts.length < 2 ? 0.5 : texts.indexOf(text) / (texts.length - 1), text]) };
}

function numberScale(known) {
  const [low, high] = [known.reduce((one, other) => Math.min(one, other)), known.reduce((one, other) => Math.max(one, other))];
  const of = low > 0 && high / low > LOG_FROM ? Math.log : (value) => value;
  const at = (value) => (typeof value !== "number" ? null : high === low ? 0.5 : (of(value) - of(low)) / (of(high) - of(low)));
  return { at, ends: high === low ? [[0.5, format.any(low)]] : [[0, format.any(low)], [1, format.any(high)]] };
}

function Lines({ axes, rows, width, height, isNarrow }) {
  const place = (axis, share) =>
    isNarrow ? [8 + (width - 16) * share, axis * ROW + 34] : [EDGE + ((width - 2 * EDGE) * axis) / (axes.length - 1 || 1), height - 20 - (height - 60) * share];
  const path = (row) =>
    axes.map((axis, number) => [number, axis.at(axis.value(row))]).filter(([, share]) => share !== null).map(([number, share], at) => `${at ? "L" : "M"}${place(number, share).map((one) => one.toFixed(1)).join(" ")}`).join("");
  const strength = (rank) => (rows.length < 2 ? 1 : rank / (rows.length - 1));
  const thin = Math.min(1, 60 / rows.length);
  return html`${rows.map((row, rank) => html`<path key=${row.number} d=${path(row)} fill="none" stroke=${rank === rows.length - 1 ? "var(--bad)" : "var(--accent)"} stroke-width=${rank === rows.length - 1 ? 2.5 : 1.2} opacity=${rank === rows.length - 1 ? 1 : (0.08 + 0.6 * strength(rank) ** 3) * (0.4 + 0.6 * thin)} />`)}
    ${axes.map((axis, number) => html`<${Axis} key=${axis.name} axis=${axis} number=${number} count=${axes.length} place=${place} width=${width} isNarrow=${isNarrow} />`)}`;
}

function Axis({ axis, number, count, place, width, isNarrow }) {
  const [x1, y1] = place(number, 0);
  const [x2, y2] = place(number, 1);
  const room = isNarrow ? width : (width - 2 * EDGE) / Math.max(1, count - 1);
  const anchor = isNarrow ? "start" : "middle";
  return html`<g><path d=${`M${x1} ${y1}L${x2} ${y2}`} stroke="var(--ink-2)" />
    <${SvgText} x=${isNarrow ? 0 : x1} y=${isNarrow ? y1 - 18 : 14} width=${room} text=${axis.name} anchor=${anchor} weight="600" />
    ${axis.ends.map(([share, text]) => {
      const [x, y] = place(number, share);
      return isNarrow
        ? html`<${SvgText} key=${text} x=${x} y=${y + 15} width=${width / 3} text=${text} size=${11} anchor=${share < 0.34 ? "start" : share > 0.66 ? "end" : "middle"} fill="var(--ink-2)" />`
        : html`<${SvgText} key=${text} x=${x} y=${share === 0 ? y + 14 : y - 5} width=${room} text=${text} size=${11} anchor="middle" fill="var(--ink-2)" />`;
    })}</g>`;
}
