// A new data set: a file, sample data, or the rows of a query. A file of before can be read again in another way.
import { html, useState } from "../core/html.js";
import { send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Head, Loaded, LoadedPage, ProblemBox, Progress, Tabs } from "../parts/basics.js";
import { Field, SelectField, TextField } from "../parts/fields.js";
import { useOpenApi } from "../forms/document.js";
import { OPTIONS, ROLES, ReadingOptions, Roles, optionsOf } from "../forms/reading.js";
import { useSendFile } from "../forms/send-file.js";

const SUFFIX = /\.(csv|txt|tsv|tab|jsonl|ndjson|xlsx|feather|arrow|parquet)(\.gz)?$/i;
const ACCEPTED = ".csv,.txt,.tsv,.tab,.jsonl,.ndjson,.gz,.xlsx,.feather,.arrow,.parquet";
const MOST_LETTERS = 64;

/** "Umsätze 2024.csv" becomes "Umsatze-2024", which the service takes as a name. */
export function nameOfFile(fileName) {
  const plain = fileName.replace(SUFFIX, "").normalize("NFKD").replace(/[\u0300-\u036f]/g, "").replace(/ß/g, "ss");
  return plain.replace(/[^A-Za-z0-9_.-]+/g, "-").replace(/^[^A-Za-z0-9]+|-+$/g, "").slice(0, MOST_LETTERS) || "data";
}

export const openDataset = (dataset) => go(`/datasets/${dataset.id}`);

export function NewDatasetPage({ query }) {
  const { from, like, tab, ...given } = query;
  const source = useResource(from || like ? `/datasets/${from || like}` : null);
  const connections = useResource(from ? null : "/connections");
  const choose = (name) => go(`/datasets/new?tab=${name}`, { replace: true });
  const fromQuery = () => (like ? html`<${Loaded} resource=${source}>${(dataset) => html`<${FromQuery} connections=${connections.data.items} like=${dataset} />`}<//>` : html`<${FromQuery} connections=${connections.data.items} />`);
  if (from) return html`<${LoadedPage} resource=${source}>${(dataset) => html`<${ReadAgain} key=${from} dataset=${dataset} given=${given} />`}<//>`;
  const tabs = [
    ["file", t("dataset.file"), () => html`<${FromFile} given=${given} />`],
    ["sample", t("dataset.samples"), () => html`<${Samples} />`],
    ...(connections.data?.items.length ? [["query", t("dataset.query"), fromQuery]] : []),
  ];
  return html`<${Head} title=${t("dataset.new")} back=${html`<${Link} to="/datasets">← ${t("nav.datasets")}<//>`} /><${Tabs} items=${tabs} chosen=${tab} onChoose=${choose} />`;
}

/** The fields of a data set that is made, and where an answer of the service says what is wrong with one. */
function useFields(start, problem) {
  const [values, setValues] = useState(start);
  const set = (name) => (value) => setValues((old) => ({ ...old, [name]: value }));
  const problemAt = (name) => problem?.errors?.filter((one) => one.pointer === `/${name}` || one.pointer.startsWith(`/${name}/`)).map((one) => one.detail).join("; ") || undefined;
  return { values, set, problemAt };
}

function useUploadSchema() {
  return useOpenApi()?.paths["/api/v1/datasets"].post.requestBody.content["multipart/form-data"].schema;
}

function FromFile({ given }) {
  const [file, setFile] = useState(null);
  const sending = useSendFile(openDataset);
  const { state } = sending;
  const schema = useUploadSchema();
  const { values, set, problemAt } = useFields({ name: "", ...given }, state.problem);
  const isBusy = state.step !== null;
  const take = (chosen) => {
    if (!chosen) return;
    setFile(chosen);
    sending.forget();
    set("name")(nameOfFile(chosen.name));
  };
  const start = () => sending.start(file, values);
  return html`<form onSubmit=${(event) => event.preventDefault()}><${Card}>
      <${DropZone} file=${file} onFile=${take} problem=${problemAt("file")} />
      <div class="grid"><${TextField} label=${t("dataset.name")} hint=${t("dataset.name_hint")} value=${values.name} onChange=${set("name")} problem=${problemAt("name")} />
      <${Roles} values=${values} set=${set} problemAt=${problemAt} columns=${null} /></div><//>
    <details class="more" open=${OPTIONS.some(problemAt)}><summary>${t("dataset.options")}</summary><p class="quiet">${t("dataset.options_hint")}</p><${ReadingOptions} ...${{ values, set, problemAt, schema }} /></details>
    ${isBusy && html`<div class="sending" role="status"><${Progress} value=${state.total ? state.sent / state.total : 0} label=${t("dataset.upload")} /><p>${t(`dataset.step.${state.step}`, { sent: format.bytes(state.sent), total: format.bytes(state.total) })}</p></div>`}
    <${ProblemBox} problem=${state.problem} />
    <p role="status">${state.isCancelled && t("dataset.upload_cancelled")}</p>
    <div class="commands">${isBusy ? html`<button type="button" onClick=${sending.cancel}>${t("dataset.cancel_upload")}</button>` : html`<button class="primary" disabled=${!file || !values.name} onClick=${start}>${t(state.problem ? "again" : "dataset.upload")}</button>`}</div></form>`;
}

function DropZone({ file, onFile, problem }) {
  const [isOver, setOver] = useState(false);
  const over = (on) => (event) => {
    event.preventDefault();
    setOver(on);
  };
  const drop = (event) => {
    over(false)(event);
    onFile(event.dataTransfer.files[0]);
  };
  return html`<div class=${isOver ? "drop over" : "drop"} onDragOver=${over(true)} onDragLeave=${over(false)} onDrop=${drop}>
    <${Field} label=${t("dataset.drop")} hint=${t("dataset.formats")} problem=${problem}>${(ids) => html`<input type="file" accept=${ACCEPTED} onChange=${(event) => onFile(event.target.files[0])} ...${ids} />`}<//>
    ${file && html`<p><strong>${file.name}</strong> <span class="quiet">${format.bytes(file.size)}</span></p>`}</div>`;
}

/** The same bytes, read with other options: nothing is uploaded, the SHA-256 is enough. */
function ReadAgain({ dataset, given }) {
  const [problem, setProblem] = useState(null);
  const schema = useUploadSchema();
  const roles = Object.fromEntries(ROLES.map((name) => [name, dataset[name]]));
  const { values, set, problemAt } = useFields({ name: dataset.name, ...roles, ...dataset.profile?.parsing?.options, ...given }, problem);
  const suffix = dataset.file_format === "sample" ? "csv" : dataset.file_format;
  const make = async () => {
    setProblem(null);
    try {
      openDataset(await send("POST", "/datasets", { ...optionsOf(values), sha256: dataset.sha256, file_name: `${dataset.name}.${suffix}` }));
    } catch (found) {
      setProblem(found);
    }
  };
  return html`<${Head} title=${t("dataset.again", { name: dataset.name })} back=${html`<${Link} to=${`/datasets/${dataset.id}`}>← ${t("dataset.one")} ${dataset.id}<//>`} />
    <form onSubmit=${(event) => event.preventDefault()}>
    ${dataset.reasons.length > 0 && html`<div class="problem"><strong>${t("dataset.why")}</strong><ul>${dataset.reasons.slice(0, 5).map((one) => html`<li>${one.detail}</li>`)}</ul></div>`}
    <${Card} title=${t("dataset.options")}><${ReadingOptions} ...${{ values, set, problemAt, schema }} /><//>
    <${Card}><div class="grid"><${TextField} label=${t("dataset.name")} hint=${t("dataset.name_hint")} value=${values.name} onChange=${set("name")} problem=${problemAt("name")} />
      <${Roles} values=${values} set=${set} problemAt=${problemAt} columns=${dataset.profile?.columns ?? null} /></div><//>
    <${ProblemBox} problem=${problem} />
    <${Action} kind="primary" onClick=${make}>${t("dataset.read_again")}<//></form>`;
}

export function Samples() {
  const samples = useResource("/datasets/samples");
  const load = (sample) => send("POST", "/datasets", { name: sample.sample, sample: sample.sample }).then(openDataset);
  return html`<${Loaded} resource=${samples}>${(found) => html`<ul class="samples">${found.items.map(
    (sample) => html`<li key=${sample.sample} class="card"><strong>${sample.sample}</strong> <span class="quiet">${t("first.size", { rows: format.number(sample.rows), columns: sample.columns })} · ${t(`task.${sample.task}`)}</span>
      <p>${sample.description}</p><${Action} onClick=${() => load(sample)}>${t("first.use")}<//></li>`,
  )}</ul>`}<//>`;
}

/** like: a data set whose query is changed, or tried again. */
function FromQuery({ connections, like }) {
  const [problem, setProblem] = useState(null);
  const { name = "", origin } = like ?? {};
  const roles = Object.fromEntries(ROLES.map((role) => [role, like?.[role]]));
  const connection = connections.find((one) => one.name === origin?.connection) ?? connections[0];
  const { values, set, problemAt } = useFields({ ...roles, name, connection: connection.name, query: origin?.query ?? "" }, problem);
  const make = async () => {
    setProblem(null);
    try {
      openDataset(await send("POST", "/datasets", optionsOf(values)));
    } catch (found) {
      setProblem(found);
    }
  };
  return html`<form onSubmit=${(event) => event.preventDefault()}><${Card}><div class="grid">
      <${SelectField} label=${t("dataset.connection")} value=${values.connection} onChange=${set("connection")} problem=${problemAt("connection")} options=${connections.map((one) => [one.name, `${one.name} (${one.kind})`])} />
      <${TextField} label=${t("dataset.name")} hint=${t("dataset.name_hint")} value=${values.name} onChange=${set("name")} problem=${problemAt("name")} />
      <div class="full"><${Field} label=${t("dataset.query")} hint=${t("dataset.query_hint")} problem=${problemAt("query")}>${(ids) => html`<textarea class="code" rows="8" spellcheck=${false} value=${values.query} onInput=${(event) => set("query")(event.target.value)} ...${ids} />`}<//></div>
      <${Roles} values=${values} set=${set} problemAt=${problemAt} columns=${null} /></div><//>
    <${ProblemBox} problem=${problem} />
    <${Action} kind="primary" disabled=${!values.name || !values.query.trim()} onClick=${make}>${t("dataset.run_query")}<//></form>`;
}
