// The list of predictions, and one of them: what the model said, and where it met what it does not know.
import { html } from "../core/html.js";
import { download, send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Copyable, Facts, Head, Loaded, LoadedPage } from "../parts/basics.js";
import { List, Table } from "../parts/table.js";

const SHOWN_COLUMNS = 50;

export function PredictionsPage({ query }) {
  return html`<${Head} title=${t("nav.predictions")}><${Link} to="/predictions/new" class="button">${t("prediction.from_rows")}<//><${Link} to="/jobs/new?job_type=PREDICT" class="button primary">${t("prediction.from_dataset")}<//><//>
    <${List} path="/predictions" address="/predictions" query=${query} kinds=${["prediction"]} label=${t("nav.predictions")} file="predictions" columns=${columns()} empty=${html`<p>${t("prediction.empty")}</p><${Link} to="/jobs/new?job_type=PREDICT" class="button primary">${t("prediction.from_dataset")}<//>`} />`;
}

const source = (one) => (one.dataset_id ? html`<${Link} to=${`/datasets/${one.dataset_id}`}>${t("dataset.one")} ${one.dataset_id}<//>` : t("prediction.rows_from"));

const columns = () => [
  { title: "#", numeric: true, cell: (one) => html`<${Link} to=${`/predictions/${one.id}`}>${one.id}<//>`, text: (one) => one.id },
  { title: t("prediction.model"), cell: (one) => html`<${Link} to=${`/models/${one.model_id}`}>#${one.model_id}<//>`, text: (one) => one.model_id },
  { title: t("dataset.one"), cell: source, text: (one) => one.dataset_id },
  { title: t("prediction.rows"), numeric: true, cell: (one) => format.number(one.rows), text: (one) => one.rows },
  { title: t("dataset.file_format"), cell: (one) => one.format, text: (one) => one.format },
  { title: t("prediction.bytes"), numeric: true, cell: (one) => format.bytes(one.bytes), text: (one) => one.bytes },
  { title: t("prediction.made"), cell: (one) => html`<span class="nowrap">${format.time(one.created_at)}</span>`, text: (one) => one.created_at },
];

export function PredictionPage({ id }) {
  const resource = useResource(`/predictions/${id}`);
  return html`<${LoadedPage} resource=${resource}>${(prediction) => html`<${PredictionView} prediction=${prediction} />`}<//>`;
}

function PredictionView({ prediction }) {
  const { id, lineage } = prediction;
  const model = lineage.model_name ? `${lineage.model_name} v${lineage.model_version}` : `#${prediction.model_id}`;
  const remove = () => send("DELETE", `/predictions/${id}`).then(() => go("/predictions"));
  return html`<${Head} title=${t("prediction.one_title", { id })} back=${html`<${Link} to="/predictions">← ${t("nav.predictions")}<//>`}>
      <${Action} kind="danger" confirm=${t("prediction.delete_confirm", { id })} onClick=${remove}>${t("prediction.delete")}<//>
      <${Action} kind="primary" onClick=${() => download(`/predictions/${id}/download`, `prediction-${id}.${prediction.format}`)}>${t("prediction.download", { format: prediction.format === "csv" ? "CSV" : "Parquet" })}<//><//>
    ${lineage.out_of_fold && html`<p class="subtitle">${t("prediction.out_of_fold")}</p>`}
    <${Unseen} cells=${prediction.unseen_categories} rows=${prediction.rows} />
    <${Card}><${Facts} items=${[
      [t("prediction.model"), html`<${Link} to=${`/models/${prediction.model_id}`}>${model}<//>`],
      [t("dataset.one"), source(prediction)],
      [t("prediction.rows"), format.number(prediction.rows)],
      [t("prediction.columns"), format.number(prediction.columns.length)],
      [t("prediction.bytes"), format.bytes(prediction.bytes)],
      [t("prediction.made"), format.time(prediction.created_at)],
      [t("job.one"), html`<${Link} to=${`/jobs/${prediction.job_id}`}>${prediction.job_id}<//>`],
      [t("prediction.missing"), Object.entries(prediction.missing).filter(([, count]) => count > 0).slice(0, SHOWN_COLUMNS).map(([name, count]) => `${name} ${format.number(count)}`).join(", ")],
      ["SHA-256", html`<code>${prediction.sha256}</code>`],
    ]} /><//>
    <h2>${t("prediction.preview")}</h2><${PredictionRows} id=${id} columns=${prediction.columns} />
    <details class="more"><summary>${t("prediction.lineage")}</summary><${Copyable} label=${t("prediction.lineage")} text=${JSON.stringify(lineage, null, 2)} /></details>`;
}

/** Values that the model never saw are taken for missing: many of them are a reason not to trust it. */
function Unseen({ cells, rows }) {
  const found = Object.entries(cells).filter(([, count]) => count > 0);
  if (!found.length) return null;
  return html`<div class="warnings"><strong>${t("prediction.unseen")}</strong><ul>${found.slice(0, SHOWN_COLUMNS).map(([name, count]) => html`<li key=${name}>${name}: ${t("prediction.unseen_cells", { count: format.number(count) })} (${format.percent(count / rows)})</li>`)}</ul></div>`;
}

/** The first rows. The prediction comes first, since a wide table hides what is on its right. */
export function PredictionRows({ id, columns }) {
  const resource = useResource(`/predictions/${id}/preview`);
  const isMain = (name) => name === "prediction" || name === "low" || name === "high" || name === "prediction_set" || name.startsWith("probability_");
  const ordered = [...columns.filter((name) => name === "row"), ...columns.filter(isMain), ...columns.filter((name) => name !== "row" && !isMain(name))];
  const shown = ordered.slice(0, SHOWN_COLUMNS).map((name) => ({ title: name, numeric: isMain(name) && !name.startsWith("prediction"), cell: (row) => format.any(row[name]), text: (row) => (Array.isArray(row[name]) ? JSON.stringify(row[name]) : row[name]) }));
  return html`${columns.length > SHOWN_COLUMNS && html`<p class="quiet">${t("dataset.first_columns", { count: SHOWN_COLUMNS, all: format.number(columns.length) })}</p>`}
    <${Loaded} resource=${resource}>${(page) => html`<${Table} label=${t("prediction.preview")} columns=${shown} rows=${page.items} keyOf=${(_, index) => index} file=${`prediction-${id}-preview`} />`}<//>`;
}
