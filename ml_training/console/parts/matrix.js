// The confusion matrix: true classes down, predicted classes across, as counts or as shares of each true class.
import { html, useState } from "../core/html.js";
import { saveFile } from "../core/api.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { PagedTable } from "./paged-table.js";

const MOST_CLASSES = 60; // more do not fit on any screen; the table of confusions has all
const SMALL = 12; // with more classes the cells are small, and a column is named by the number of its class
const DARKEST = 45; // per cent of the accent colour: the ink stays readable on it

/** labels: the classes; counts[true][predicted]. */
export function ConfusionMatrix({ labels, counts }) {
  const [shares, setShares] = useState(false);
  const names = labels.map(String);
  const sums = counts.map((row) => row.reduce((sum, count) => sum + count, 0));
  const shown = mostFrequent(sums);
  const isDense = names.length > SMALL;
  return html`<div class="matrix-head"><label class="check"><input type="checkbox" checked=${shares} onChange=${(event) => setShares(event.target.checked)} /> ${t("matrix.as_shares")}</label>
      <button class="small quiet" onClick=${() => saveCsv(names, counts)}>CSV</button></div>
    ${labels.length > MOST_CLASSES && html`<p class="quiet">${t("matrix.most", { shown: MOST_CLASSES, count: format.number(labels.length) })}</p>`}
    <div class="scroll matrix" tabindex="0" role="region" aria-label=${t("model.matrix")}><table class=${isDense ? "dense" : ""}>
      <caption class="quiet">${t("matrix.caption")}</caption>
      <thead><tr><td></td>${shown.map((at) => html`<th key=${at} scope="col" title=${names[at]}><span>${isDense ? at + 1 : names[at]}</span></th>`)}</tr></thead>
      <tbody>${shown.map((row) => html`<${Row} key=${row} row=${row} shown=${shown} names=${names} counts=${counts[row]} sum=${sums[row]} shares=${shares} />`)}</tbody></table></div>
    ${labels.length > 2 && html`<h2>${t("matrix.confusions")}</h2><p class="quiet">${t("matrix.confusions_hint")}</p><${Confusions} names=${names} counts=${counts} sums=${sums} />`}`;
}

function Row({ row, shown, names, counts, sum, shares }) {
  const isDense = names.length > SMALL;
  return html`<tr><th scope="row" title=${names[row]}><span>${isDense && `${row + 1} · `}${names[row]}</span></th>${shown.map((at) => {
    const count = counts[at];
    const share = sum ? count / sum : 0;
    const text = shares ? (count || !isDense ? format.percent(share) : "") : count || !isDense ? format.number(count) : "";
    const about = t("matrix.cell", { truth: names[row], said: names[at], count: format.number(count), share: format.percent(share) });
    const colour = count === 0 ? undefined : `color-mix(in srgb, ${row === at ? "var(--accent)" : "var(--bad)"} ${Math.round(6 + (DARKEST - 6) * share)}%, var(--paper))`;
    return html`<td key=${at} class=${row === at ? "right" : ""} style=${{ background: colour }} title=${about}>${text}</td>`;
  })}</tr>`;
}

function mostFrequent(sums) {
  const order = sums.map((_, at) => at);
  if (order.length <= MOST_CLASSES) return order;
  return order
    .sort((one, other) => sums[other] - sums[one])
    .slice(0, MOST_CLASSES)
    .sort((one, other) => one - other);
}

/** What is taken for what, the most frequent first: of many classes the only thing that a person can act on. */
function Confusions({ names, counts, sums }) {
  const found = counts.flatMap((row, truth) => row.flatMap((count, said) => (count && truth !== said ? [{ truth, said, count }] : [])));
  found.sort((one, other) => other.count - one.count || one.truth - other.truth);
  if (!found.length) return html`<p>${t("matrix.no_confusion")}</p>`;
  return html`<${PagedTable} label=${t("matrix.confusions")} rows=${found} pageRows=${10} file=${t("matrix.confusions")} columns=${[
    { title: t("matrix.truth"), cell: (one) => names[one.truth], text: (one) => names[one.truth] },
    { title: t("matrix.said"), cell: (one) => names[one.said], text: (one) => names[one.said] },
    { title: t("rows"), numeric: true, cell: (one) => format.number(one.count), text: (one) => one.count },
    { title: t("matrix.share"), numeric: true, cell: (one) => format.percent(one.count / sums[one.truth]), text: (one) => one.count / sums[one.truth] },
  ]} />`;
}

function saveCsv(names, counts) {
  const quote = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const lines = [["", ...names.map(quote)], ...counts.map((row, at) => [quote(names[at]), ...row])];
  saveFile(new Blob([lines.map((line) => line.join(",")).join("\r\n") + "\r\n"], { type: "text/csv" }), `${t("model.matrix")}.csv`);
}
