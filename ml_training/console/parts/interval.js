// A score with the interval in which it lies, drawn on a line.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";

const WIDTH = 150;
const HEIGHT = 18;
const EDGE = 5;

/** range: [low, high] of the line; base: a score to compare with, drawn as a thin line. Without an interval nothing. */
export function IntervalBar({ value, interval, base, range, width = WIDTH }) {
  if (!interval || value === null || value === undefined) return html`<span class="quiet">–</span>`;
  const [low, high] = range;
  const at = (number) => EDGE + ((width - 2 * EDGE) * (Math.min(high, Math.max(low, number)) - low)) / (high - low || 1);
  const text = t("interval.text", { low: format.score(interval[0]), high: format.score(interval[1]) });
  return html`<svg class="interval" width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-label=${text}><title>${text}</title>
    <path d=${`M${EDGE} 9H${width - EDGE}`} stroke="var(--line)" />
    ${base !== null && base !== undefined && html`<path d=${`M${at(base)} 1V17`} stroke="var(--ink-2)" stroke-dasharray="2 2" />`}
    <path d=${`M${at(interval[0])} 9H${at(interval[1])}`} stroke="var(--accent)" stroke-width="5" opacity="0.5" />
    <circle cx=${at(value)} cy="9" r="4" fill="var(--accent)" /></svg>`;
}
