// One data set: what is odd first, then what it is, how it was read, its columns, and what came before it.
import { html, useState } from "../core/html.js";
import { send, withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Facts, Head, Loaded, LoadedPage, Progress, Status, Tabs } from "../parts/basics.js";
import { Chart } from "../parts/chart.js";
import { Table } from "../parts/table.js";
import { remediesOf } from "../forms/reading.js";
import { Columns } from "./dataset-columns.js";
import { Parsing } from "./dataset-parsing.js";
import { Versions } from "./dataset-versions.js";

const SHOWN_COLUMNS = 50;
const SHOWN_REASONS = 20;

export function DatasetPage({ id, query }) {
  const [isProcessing, setProcessing] = useState(true);
  const resource = useResource(`/datasets/${id}`, { kinds: ["dataset"], id, every: isProcessing ? 1 : 0 });
  if (resource.data && isProcessing !== (resource.data.status === "PROCESSING")) setProcessing(!isProcessing);
  const choose = (tab) => go(withQuery(`/datasets/${id}`, { tab }), { replace: true });
  return html`<${LoadedPage} resource=${resource}>${(dataset) => html`<${DatasetView} dataset=${dataset} query=${query} choose=${choose} />`}<//>`;
}

function DatasetView({ dataset, query, choose }) {
  const isReady = dataset.status === "READY";
  const refresh = async () => go(`/jobs/${(await send("POST", `/datasets/${dataset.id}/refresh`)).id}`);
  const remove = () => send("DELETE", `/datasets/${dataset.id}`).then(() => go("/datasets"));
  return html`<${Head} title=${`${dataset.name} v${dataset.version}`} back=${html`<${Link} to="/datasets">← ${t("nav.datasets")}<//>`}>
      <${Action} kind="danger" confirm=${t("dataset.delete_confirm", { name: `${dataset.name} v${dataset.version}` })} onClick=${remove}>${t("dataset.delete")}<//>
      ${dataset.origin?.query && html`<${Link} class="button" to=${changedQuery(dataset)}>${t("dataset.change_query")}<//>`}
      ${dataset.origin && dataset.status !== "PROCESSING" && html`<${Action} onClick=${refresh}>${t("dataset.refresh")}<//>`}
      ${isReady && html`<${Link} class="button primary" to=${`/jobs/new?dataset_id=${dataset.id}`}>${t("dataset.train")}<//>`}<//>
    <p class="subtitle"><${Status} value=${dataset.status} /> ${isReady && html`<span class="quiet">${t("first.size", { rows: format.number(dataset.rows), columns: format.number(dataset.columns) })}</span>`}</p>
    ${dataset.status === "PROCESSING" && html`<${Reading} jobId=${dataset.job_id} />`}
    ${dataset.status === "REJECTED" && html`<${Rejected} dataset=${dataset} />`}
    <${DatasetWarnings} dataset=${dataset} />
    <${Card}><${DatasetFacts} dataset=${dataset} /><//>
    ${isReady && html`<${Tabs} chosen=${query.tab} onChoose=${choose} items=${[
      ["columns", t("dataset.columns"), () => html`<${Columns} dataset=${dataset} query=${query} />`],
      ["preview", t("dataset.preview"), () => html`<${Preview} dataset=${dataset} />`],
      ...(dataset.profile.rows_over_time || dataset.profile.rows_per_phase ? [["coverage", t("dataset.coverage"), () => html`<${Coverage} profile=${dataset.profile} />`]] : []),
      ["parsing", t("dataset.parsing"), () => html`<${Parsing} dataset=${dataset} />`],
      ["versions", t("dataset.versions"), () => html`<${Versions} dataset=${dataset} />`],
    ]} />`}`;
}

function Reading({ jobId }) {
  const job = useResource(jobId ? `/jobs/${jobId}` : null, { kinds: ["job"], id: jobId, every: 1 }).data;
  return html`<div role="status">${job && html`<${Progress} value=${job.progress} label=${t("status.PROCESSING")} />`}
    <p class="quiet">${t("dataset.processing")} ${job && html`${job.progress_message} <${Link} to=${`/jobs/${job.id}`}>${t("job.one")} ${job.id}<//>`}</p></div>`;
}

const changedQuery = (dataset) => `/datasets/new?tab=query&like=${dataset.id}`;

/** Why the data were refused, and for each remedy that the service names a button that tries it. */
function Rejected({ dataset }) {
  const remedies = dataset.origin ? new Map() : new Map(dataset.reasons.flatMap((one) => remediesOf(one.detail)).map(([name, value]) => [`${name}=${value}`, { [name]: value }]));
  const again = (options) => withQuery("/datasets/new", { from: dataset.id, ...options });
  return html`<div class="problem"><strong>${t(dataset.origin ? "dataset.rejected_rows" : "dataset.rejected")}</strong>
    <ul>${dataset.reasons.slice(0, SHOWN_REASONS).map((one) => html`<li>${[one.row !== null && t("dataset.at_row", { row: one.row }), one.column !== null && t("dataset.at_column", { column: one.column })].filter(Boolean).join(", ")} ${one.detail}</li>`)}</ul>
    <div class="commands">${[...remedies].map(([name, options]) => html`<${Link} key=${name} class="button primary" to=${again(options)}>${t("dataset.try_option", { option: name })}<//>`)}
      ${!dataset.origin && html`<${Link} class="button" to=${again({})}>${t("dataset.other_options")}<//><${Link} class="button" to="/datasets/new">${t("dataset.other_file")}<//>`}</div></div>`;
}

const DatasetWarnings = ({ dataset }) => dataset.warnings.length > 0 && html`<ul class="warnings">${dataset.warnings.slice(0, SHOWN_REASONS).map((one) => html`<li key=${one.pointer + one.code}>${one.detail} <code>${one.code}</code></li>`)}
  ${dataset.warnings.length > SHOWN_REASONS && html`<li>${t("form.and_more", { count: dataset.warnings.length - SHOWN_REASONS })}</li>`}</ul>`;

function DatasetFacts({ dataset }) {
  const range = dataset.profile?.time_range;
  return html`<${Facts} items=${[
    [t("dataset.file_format"), dataset.file_format],
    [t("dataset.bytes"), format.bytes(dataset.bytes)],
    [t("role.time_column"), dataset.time_column],
    [t("role.phase_column"), dataset.phase_column],
    [t("role.group_column"), dataset.group_column],
    [t("dataset.time_range"), range && `${format.utc(range.start)} – ${format.utc(range.end)}`],
    [t("dataset.created"), format.time(dataset.created_at)],
    [t("job.one"), dataset.job_id && html`<${Link} to=${`/jobs/${dataset.job_id}`}>${dataset.job_id}<//>`],
    [t("dataset.connection"), dataset.origin?.connection],
    [t("dataset.query"), dataset.origin?.query && html`<code>${dataset.origin.query}</code>`],
    [t("dataset.source"), dataset.origin?.source],
    ["SHA-256", html`<code>${dataset.sha256}</code>`],
  ]} />`;
}

function Preview({ dataset }) {
  const resource = useResource(`/datasets/${dataset.id}/preview`);
  const names = dataset.profile.columns.map((one) => one.name);
  const columns = names.slice(0, SHOWN_COLUMNS).map((name) => ({ title: name, cell: (row) => format.any(row[name]), text: (row) => row[name] }));
  return html`${names.length > SHOWN_COLUMNS && html`<p class="quiet">${t("dataset.first_columns", { count: SHOWN_COLUMNS, all: format.number(names.length) })}</p>`}
    <${Loaded} resource=${resource}>${(page) => html`<${Table} label=${t("dataset.preview")} columns=${columns} rows=${page.items} keyOf=${(_, index) => index} file=${`${dataset.name}-v${dataset.version}-preview`} />`}<//>`;
}

/** Where the rows lie in time, and how many each phase has. */
function Coverage({ profile }) {
  const bins = profile.rows_over_time ?? [];
  const phases = profile.rows_per_phase ?? [];
  const columns = [
    { title: t("dataset.phase"), cell: (one) => String(one.phase), text: (one) => one.phase },
    { title: t("dataset.rows"), numeric: true, cell: (one) => format.number(one.rows), text: (one) => one.rows },
    { title: t("dataset.share"), numeric: true, cell: (one) => format.percent(one.rows / profile.rows), text: (one) => one.rows / profile.rows },
  ];
  return html`${bins.length > 0 && html`<${Card} title=${t("dataset.over_time")} wide><${Chart} title=${t("dataset.over_time")} xTime xLabel=${t("kind.time")} yLabel=${t("dataset.rows")} x=${bins.map((one) => new Date(one.start).getTime() / 1000)}
      yRange=${[0, 1.1 * Math.max(1, ...bins.map((one) => one.rows))]} lines=${[{ label: t("dataset.rows"), values: bins.map((one) => one.rows), bars: true }]} /><//>`}
    ${phases.length > 0 && html`<${Card} title=${t("dataset.per_phase")}><${Table} label=${t("dataset.per_phase")} columns=${columns} rows=${phases.slice(0, SHOWN_COLUMNS)} keyOf=${(one) => one.phase} file="phases" />
      ${phases.length > SHOWN_COLUMNS && html`<p class="quiet">${t("form.and_more", { count: phases.length - SHOWN_COLUMNS })}</p>`}<//>`}`;
}
