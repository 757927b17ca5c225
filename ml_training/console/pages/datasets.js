// The list of data sets, and how one is named in a list.
import { html } from "../core/html.js";
import { Link } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Head, Status } from "../parts/basics.js";
import { Filters, SelectField } from "../parts/fields.js";
import { SearchField, SortField, useFilters } from "../parts/filters.js";
import { SavedFilters } from "../parts/saved-filters.js";
import { List } from "../parts/table.js";

const STATUSES = ["PROCESSING", "READY", "REJECTED"];
const TOGETHER = [["q", "status"], ["name", "status", "sort"]];

export function DatasetsPage({ query }) {
  const set = useFilters("/datasets", query, TOGETHER);
  return html`<${Head} title=${t("nav.datasets")}><${Link} to="/datasets/new" class="button primary">${t("dataset.new")}<//><//>
    <${Filters}>
      <${SearchField} label=${t("dataset.name")} value=${query.q ?? query.name} onChange=${set("q")} />
      <${SelectField} label=${t("job.status")} value=${query.status} onChange=${set("status")} options=${[["", t("all")], ...STATUSES.map((one) => [one, t(`status.${one}`)])]} />
      <${SortField} query=${query} onChange=${set("sort")} />
    <//>
    <${SavedFilters} address="/datasets" query=${query} />
    <${List} path="/datasets" address="/datasets" query=${query} kinds=${["dataset"]} label=${t("nav.datasets")} file="datasets" columns=${columns()}
      empty=${html`<p>${t("dataset.empty")}</p><${Link} to="/datasets/new" class="button primary">${t("dataset.new")}<//>`} />`;
}

export const columns = () => [
  { title: "#", numeric: true, cell: (one) => html`<${Link} to=${`/datasets/${one.id}`}>${one.id}<//>`, text: (one) => one.id },
  { title: t("dataset.name"), cell: (one) => html`<${Link} to=${`/datasets/${one.id}`}>${one.name}<//> <span class="quiet">v${one.version}</span>`, text: (one) => `${one.name} v${one.version}` },
  { title: t("job.status"), cell: (one) => html`<${Status} value=${one.status} />${one.reasons.length > 0 && html`<div class="quiet">${one.reasons[0].detail}</div>`}`, text: (one) => one.status },
  { title: t("dataset.rows"), numeric: true, cell: (one) => format.number(one.rows), text: (one) => one.rows },
  { title: t("dataset.columns"), numeric: true, cell: (one) => format.number(one.columns), text: (one) => one.columns },
  { title: t("dataset.bytes"), numeric: true, cell: (one) => format.bytes(one.bytes), text: (one) => one.bytes },
  { title: t("dataset.created"), cell: (one) => html`<span class="nowrap">${format.time(one.created_at)}</span>`, text: (one) => one.created_at },
];
