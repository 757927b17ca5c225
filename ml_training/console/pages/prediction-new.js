// A few rows, typed in, and at once what a model says about them.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { get, newRequestKey, send, withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import { Action, Card, Head, ProblemBox } from "../parts/basics.js";
import { PickModel } from "../forms/pick.js";
import { PredictionRows } from "./predictions.js";

const MOST_ROWS = 20;
const MOST_FEATURES = 100;
const MOST_CHOICES = 50;
const WAIT_SECONDS = 20;
const PAUSE_MILLISECONDS = 1000;
const NUMERIC = ["integer", "number"];

export function NewPredictionPage({ query }) {
  const id = query.model_id;
  const model = useResource(id ? `/models/${id}` : null);
  return html`<${Head} title=${t("prediction.from_rows")} back=${html`<${Link} to="/predictions">← ${t("nav.predictions")}<//>`}>
      <${Link} class="button" to=${withQuery("/jobs/new", { job_type: "PREDICT", model_id: id })}>${t("prediction.from_dataset")}<//><//>
    <${Card}><${PickModel} label=${t("prediction.model")} value=${id} current=${model.data} onChange=${(chosen) => go(withQuery("/predictions/new", { model_id: chosen }), { replace: true })} /><//>
    <${ProblemBox} problem=${model.problem} onRetry=${model.reload} />
    ${model.data && html`<${RowsForm} key=${id} model=${model.data} />`}`;
}

/** The columns that a row may have: the features, and for models with windows also time and group. */
function inputsOf(model) {
  const { features, time_column: time, group_column: group } = model.details.schema;
  const plain = features.filter((one) => !one.window);
  const isWindowed = plain.length < features.length;
  const roles = isWindowed ? [time && { name: time, kind: "time", categories: [] }, group && { name: group, kind: "text", categories: [] }].filter(Boolean) : [];
  return { inputs: [...roles.filter((one) => !plain.some((feature) => feature.name === one.name)), ...plain], isWindowed };
}

function RowsForm({ model }) {
  const { inputs, isWindowed } = inputsOf(model);
  const [rows, setRows] = useState([{}]);
  const [answer, setAnswer] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const requestKey = useRef(newRequestKey());
  const isHere = useRef(true);
  useEffect(() => () => (isHere.current = false), []);
  if (inputs.length > MOST_FEATURES) return html`<p>${t("prediction.all_features", { count: inputs.length })}</p>`;
  const change = (next) => {
    requestKey.current = newRequestKey(); // other rows are another request
    setRows(next);
  };
  const set = (index, name) => (value) => change(rows.map((row, at) => (at === index ? { ...row, [name]: value } : row)));
  const predict = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const spec = { job_type: "PREDICT", model_id: model.id, rows: rows.map((row) => valuesOf(row, inputs)), priority: 1 };
      setAnswer(await resultOf(await send("POST", "/jobs", spec, { headers: { "Idempotency-Key": requestKey.current } }), isHere));
    } catch (found) {
      setProblem(found);
    } finally {
      setBusy(false);
    }
  };
  return html`<form onSubmit=${(event) => event.preventDefault()}>
    <p class="quiet">${t("prediction.rows_hint")} ${isWindowed && t("prediction.windows")}</p>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("prediction.from_rows")}><table class="inputs"><thead><tr><th scope="col">#</th>${inputs.map((one) => html`<th scope="col" key=${one.name}>${one.name}<small>${t(`kind.${one.kind}`)}</small></th>`)}<td></td></tr></thead>
      <tbody>${rows.map((row, index) => html`<tr key=${index}><th scope="row">${index + 1}</th>${inputs.map((one) => html`<td key=${one.name}><${Cell} input=${one} label=${`${one.name}, ${t("prediction.row", { number: index + 1 })}`} value=${row[one.name] ?? ""} wrong=${wrongAt(problem, index, one.name)} onChange=${set(index, one.name)} /></td>`)}
        <td>${rows.length > 1 && html`<button type="button" class="small quiet" aria-label=${t("prediction.row_remove", { number: index + 1 })} onClick=${() => change(rows.filter((_, at) => at !== index))}>✕</button>`}</td></tr>`)}</tbody></table></div>
    <div class="commands spaced"><button type="button" disabled=${rows.length >= MOST_ROWS} onClick=${() => change([...rows, { ...rows.at(-1) }])}>${t("prediction.row_add")}</button>
      <${Action} kind="primary" disabled=${isBusy} onClick=${predict}>${t("submit.PREDICT")}<//></div>
    ${rows.length >= MOST_ROWS && html`<p class="quiet">${t("prediction.rows_most", { count: MOST_ROWS })}</p>`}
    <${ProblemBox} problem=${problem} />
    <div role="status" aria-live="polite">${isBusy && html`<p class="quiet">${t("prediction.waiting")}</p>`}
      ${answer && !isBusy && html`<h2>${t("prediction.result")}</h2><p><${Link} to=${`/predictions/${answer.id}`}>${t("prediction.one_title", { id: answer.id })}<//></p><${PredictionRows} key=${answer.id} id=${answer.id} columns=${answer.columns} />`}</div></form>`;
}

const wrongAt = (problem, index, name) => problem?.errors?.some((one) => one.pointer === `/rows/${index}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);

/** A cell: categories that the model knows are offered, and another value may be typed all the same. */
function Cell({ input, label, value, wrong, onChange }) {
  const list = useRef(`cell-${Math.random().toString(36).slice(2)}`);
  const change = (event) => onChange(event.target.value);
  const common = { value, "aria-label": label, "aria-invalid": wrong ? "true" : undefined, onInput: change };
  if (input.kind === "boolean") return html`<select ...${common}><option value=""></option><option value="true">true</option><option value="false">false</option></select>`;
  if (NUMERIC.includes(input.kind)) return html`<input type="text" inputmode="decimal" size="8" ...${common} />`;
  return html`<input type="text" size="12" list=${list.current} placeholder=${input.kind === "time" ? "2026-01-31T12:00:00Z" : undefined} ...${common} />
    <datalist id=${list.current}>${input.categories.slice(0, MOST_CHOICES).map((one) => html`<option key=${one} value=${one} />`)}</datalist>`;
}

/** What was typed, in the kind of each column; what does not fit goes as it is, and the service says what is wrong. */
function valuesOf(row, inputs) {
  return Object.fromEntries(inputs.map((one) => [one.name, valueOf((row[one.name] ?? "").trim(), one.kind)]));
}

function valueOf(text, kind) {
  if (text === "") return null;
  if (kind === "boolean") return text === "true";
  if (NUMERIC.includes(kind)) {
    const number = Number(text.includes(".") ? text : text.replace(",", "."));
    return Number.isNaN(number) ? text : number;
  }
  return text;
}

async function resultOf(job, isHere) {
  let now = job;
  while (["PENDING", "RUNNING"].includes(now.status) && isHere.current) {
    now = await get(`/jobs/${job.id}?wait=${WAIT_SECONDS}`);
    if (now.status === "PENDING" || now.status === "RUNNING") await new Promise((done) => setTimeout(done, PAUSE_MILLISECONDS)); // the service may answer a wait at once
  }
  if (now.status !== "COMPLETED") throw new Error(now.error ? `${now.error.message} ${now.error.hint}` : now.status);
  return get(`/predictions/${now.result.prediction_id}`);
}
