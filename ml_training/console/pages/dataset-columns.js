// The columns of a data set: kind, gaps, range, and a small picture of how the values lie.
import { html, useState } from "../core/html.js";
import { withQuery } from "../core/api.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { TextField } from "../parts/fields.js";
import { PAGE_ROWS, Table } from "../parts/table.js";

const WIDTH = 120;
const HEIGHT = 28;
const MOST_VALUES = 3;

export function Columns({ dataset, query }) {
  const [find, setFind] = useState("");
  const { rows, columns } = dataset.profile;
  const found = columns.filter((one) => one.name.toLowerCase().includes(find.trim().toLowerCase()));
  const pages = Math.max(1, Math.ceil(found.length / PAGE_ROWS));
  const page = Math.min(pages, Math.max(1, Number(query.page) || 1));
  const to = (number) => withQuery(`/datasets/${dataset.id}`, { tab: "columns", page: number });
  return html`${columns.length > PAGE_ROWS && html`<div class="filters"><${TextField} label=${t("dataset.find_column")} type="search" value=${find} onChange=${setFind} /></div>`}
    <${Table} label=${t("dataset.columns")} rows=${found.slice((page - 1) * PAGE_ROWS, page * PAGE_ROWS)} keyOf=${(one) => one.name} columns=${shownColumns(rows, columns)} file=${`${dataset.name}-v${dataset.version}-columns`} />
    ${pages > 1 && html`<nav class="pager" aria-label=${t("pages")}>${page > 1 ? html`<${Link} class="button" to=${to(page - 1)}>←<//>` : html`<span />`}<span class="quiet">${page} / ${pages}</span>${page < pages ? html`<${Link} class="button" to=${to(page + 1)}>→<//>` : html`<span />`}</nav>`}`;
}

function shownColumns(rows, columns) {
  const hasPictures = columns.some((one) => one.histogram || one.most_frequent);
  return [
    { title: t("dataset.name"), cell: (one) => one.name, text: (one) => one.name },
    { title: t("dataset.kind"), cell: (one) => t(`kind.${one.kind}`), text: (one) => one.kind },
    { title: t("dataset.missing"), numeric: true, cell: (one) => (one.nulls ? html`${format.percent(one.nulls / rows)} <span class="quiet">(${format.number(one.nulls)})</span>` : html`<span class="quiet">0</span>`), text: (one) => one.nulls },
    { title: t("dataset.distinct"), numeric: true, cell: (one) => (one.distinct === null ? t("dataset.many") : format.number(one.distinct)), text: (one) => one.distinct },
    { title: t("dataset.min"), cell: (one) => value(one, one.min), text: (one) => one.min },
    { title: t("dataset.max"), cell: (one) => value(one, one.max), text: (one) => one.max },
    ...(hasPictures ? [{ title: t("dataset.values"), cell: (one) => html`<${Picture} column=${one} rows=${rows} />` }] : []),
  ];
}

const value = (column, one) => (column.kind === "time" ? format.utc(one) : format.any(one));

function Picture({ column, rows }) {
  if (column.histogram) return html`<${Bars} counts=${column.histogram.counts} label=${t("dataset.histogram", { name: column.name })} />`;
  if (!column.most_frequent) return null;
  return html`<ul class="frequent">${column.most_frequent.slice(0, MOST_VALUES).map((one) => html`<li key=${one.value}><span>${format.any(one.value)}</span> <span class="quiet">${format.percent(one.rows / rows)}</span></li>`)}</ul>`;
}

export function Bars({ counts, label }) {
  const most = Math.max(1, ...counts);
  const step = WIDTH / counts.length;
  return html`<svg class="bars" role="img" aria-label=${label} width=${WIDTH} height=${HEIGHT} viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}>${counts.map((count, index) => {
    const height = count ? Math.max(1, (HEIGHT * count) / most) : 0;
    return html`<rect key=${index} x=${index * step} y=${HEIGHT - height} width=${Math.max(1, step - 1)} height=${height}><title>${format.number(count)}</title></rect>`;
  })}</svg>`;
}
