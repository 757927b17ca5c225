// Horizontal bars: the value of each of some names, with its spread where it has one.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Picture, SvgText } from "./picture.js";

const NARROW = 520; // below this a name stands above its bar
const MOST = 30;

/** items: [{label, value, spread, low, high}], in the order to draw. The picture has the first 30, the table all. */
export function Bars({ title, items, nameLabel, valueLabel, spreadLabel, show = format.score }) {
  const drawn = items.slice(0, MOST).filter((item) => item.value !== null);
  const ends = drawn.map((item) => [item.low ?? item.value - (item.spread ?? 0), item.high ?? item.value + (item.spread ?? 0)]);
  const low = Math.min(0, ...ends.map(([one]) => one));
  const high = Math.max(...ends.map(([, one]) => one), low + 1e-12);
  const rowHeight = (width) => (width < NARROW ? 36 : 22);
  const columns = [
    { title: nameLabel, cell: (item) => item.label, text: (item) => item.label },
    { title: valueLabel, numeric: true, cell: (item) => show(item.value), text: (item) => item.value },
  ];
  if (spreadLabel) columns.push({ title: spreadLabel, numeric: true, cell: (item) => format.score(item.spread), text: (item) => item.spread });
  return html`<${Picture} title=${title} height=${(width) => drawn.length * rowHeight(width) + 8} columns=${columns} rows=${items}
      draw=${(width) => drawn.map((item, index) => html`<${Bar} key=${item.label} item=${item} end=${ends[index]} y=${index * rowHeight(width)} width=${width} low=${low} high=${high} show=${show} />`)} />
    ${items.length > MOST && html`<p class="quiet">${t("bars.most", { shown: MOST, count: format.number(items.length) })}</p>`}`;
}

function Bar({ item, end, y, width, low, high, show }) {
  const isNarrow = width < NARROW;
  const left = isNarrow ? 0 : Math.min(260, width * 0.34);
  const right = width - 76;
  const at = (value) => left + ((right - left) * (value - low)) / (high - low);
  const top = isNarrow ? y + 17 : y + 4;
  const [start, stop] = [at(Math.min(0, item.value)), at(Math.max(0, item.value))];
  const whisker = end[0] !== end[1];
  const middle = top + 7;
  return html`<g>
    <${SvgText} x=${isNarrow ? 0 : left - 8} y=${y + 14} width=${isNarrow ? width : left - 10} text=${item.label} anchor=${isNarrow ? "start" : "end"} />
    <rect x=${start} y=${top} width=${Math.max(1, stop - start)} height="14" rx="2" fill="var(--accent)" opacity="0.75"><title>${`${item.label}: ${show(item.value)}`}</title></rect>
    ${whisker && html`<path d=${`M${at(end[0])} ${middle}H${at(end[1])}M${at(end[0])} ${middle - 4}V${middle + 4}M${at(end[1])} ${middle - 4}V${middle + 4}`} stroke="var(--ink)" fill="none" />`}
    <text x=${width - 2} y=${top + 12} font-size="12" text-anchor="end" fill="var(--ink-2)">${show(item.value)}</text></g>`;
}
