// The score of each trial of a study, and the best one so far.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import { Chart } from "../parts/chart.js";
import { mergeLines } from "../parts/lines.js";
import { LOWER_IS_BETTER, isBetter, scoreName } from "./model-facts.js";

/** trials: [{number, score}], by number; score null: it has none. */
export function History({ metric, trials }) {
  const scored = trials.filter((trial) => trial.score !== null);
  if (!scored.length) return html`<p>${t("studies.no_score")}</p>`;
  let best = null;
  const bests = scored.map((trial) => (best = best === null || isBetter(metric, trial.score, best) ? trial.score : best));
  const numbers = scored.map((trial) => trial.number);
  const name = scoreName(metric);
  const curves = [
    { label: t("studies.each"), x: numbers, y: scored.map((trial) => trial.score), points: 5, colour: "#7d9fd6" },
    { label: t("studies.best_so_far"), x: numbers, y: bests, colour: "#c7387a" },
  ];
  return html`<p class="quiet">${t(LOWER_IS_BETTER.includes(metric) ? "studies.lower" : "studies.higher", { metric: name })}</p>
    <${Chart} title=${t("studies.history")} xLabel=${t("studies.number")} yLabel=${name} height=${320} ...${mergeLines(curves)} />`;
}
