// A study that runs: what its trials have reached so far, from the lines that it writes as they end.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import { History } from "./study-history.js";

const ENDED = /^trial (\d+): \w+, (\w+) (-?[\d.]+(?:e[+-]?\d+)?)/;

/** lines: of the log of the study's job; a trial without a score has a line of another form. */
export function LiveStudy({ lines }) {
  const found = lines.map(({ line }) => ENDED.exec(line)).filter(Boolean);
  const trials = new Map(found.map(([, number, , score]) => [Number(number), { number: Number(number), score: Number(score) }]));
  if (!trials.size) return html`<p class="quiet">${t("studies.live_none")}</p>`;
  return html`<${History} metric=${found[0][2]} trials=${[...trials.values()].sort((one, other) => one.number - other.number)} />`;
}
