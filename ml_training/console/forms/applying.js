// The fields of the jobs that use models which exist: TEST, COMPARE, PREDICT, EXPLAIN, DRIFT.
import { html } from "../core/html.js";
import { t } from "../core/text.js";
import { CheckAt, More, NumberAt, Place, SelectAt, TextAt, problemAt } from "./bound.js";
import { Chips, PickDataset, PickModel, PickSeveral } from "./pick.js";
import { Rows } from "./rows.js";
import { ALL_METRICS, METRICS } from "./spec.js";

const MOST_IDS = 3;
const WINDOW = { TEST: ["/test_start", "/test_end"], COMPARE: ["/test_start", "/test_end"] };
const windowOf = (jobType) => WINDOW[jobType] ?? ["/start", "/end"];

export function placesOf(jobType) {
  const own = {
    COMPARE: ["/model_ids", "/metric", "/random_state"],
    PREDICT: ["/model_id", "/model", "/keep", "/contributions", "/interval", "/format", "/reuse"],
    EXPLAIN: ["/model_id", "/sample_rows", "/metric", "/costs", "/random_state"],
    DRIFT: ["/model_id", "/sample_rows", "/threshold", "/random_state"],
  };
  return ["/dataset_id", "/phases", ...windowOf(jobType), ...(own[jobType] ?? ["/model_id"])];
}

export function ApplyingBasics({ form }) {
  const { job_type: jobType } = form.spec;
  return html`${jobType === "COMPARE" ? html`<${Models} form=${form} />` : html`<${Model} form=${form} />`}
    ${!form.read("/rows") && html`<${Place} form=${form} at="/dataset_id"><${PickDataset} label=${t("field.dataset_id")} hint=${t(`dataset_hint.${jobType}`)} problem=${problemAt(form, "/dataset_id")} value=${form.read("/dataset_id")} current=${form.dataset} onChange=${(id) => form.set("/dataset_id", id)} /><//>`}
    ${jobType === "COMPARE" && html`<${Metric} form=${form} />`}
    ${jobType === "PREDICT" && html`<${SelectAt} form=${form} at="/format" hint=${t("hint.format")} options=${[["", "Parquet"], ["csv", "CSV"]]} />`}`;
}

/** A model by its number, or by name@alias where the spec says it so. */
function Model({ form }) {
  if (form.read("/model")) return html`<${TextAt} form=${form} at="/model" />`;
  return html`<${Place} form=${form} at="/model_id"><${PickModel} label=${t("field.model_id")} problem=${problemAt(form, "/model_id")} value=${form.read("/model_id")} current=${form.model} onChange=${(id) => form.set("/model_id", id)} /><//>`;
}

function Models({ form }) {
  const ids = form.read("/model_ids") ?? [];
  const set = (values) => form.set("/model_ids", values);
  return html`<${Place} form=${form} at="/model_ids"><${PickModel} label=${t("field.model_ids")} hint=${t("hint.model_ids")} problem=${problemAt(form, "/model_ids")} value="" onChange=${(id) => id && !ids.includes(id) && set([...ids, id])} />
    <${Chips} values=${ids} onChange=${set} label=${t("field.model_ids")} labelOf=${(id) => `#${id}`} /><//>`;
}

export function metricsOf(task) {
  if (!task) return ALL_METRICS;
  return METRICS[task === "regression" ? "regression" : "binary"];
}

export function Metric({ form, task, empty = t("form.choose") }) {
  return html`<${SelectAt} form=${form} at="/metric" options=${[["", empty], ...metricsOf(task ?? form.model?.task).map((one) => [one, t(`form.metric.${one}`)])]} />`;
}

export function ApplyingMore({ form }) {
  const { job_type: jobType } = form.spec;
  const [start, end] = windowOf(jobType);
  return html`${!form.read("/rows") && html`<${Rows} form=${form} start=${start} end=${end} />`}
    ${jobType === "PREDICT" && html`<${Output} form=${form} />`}
    ${jobType === "EXPLAIN" && html`<${Explaining} form=${form} />`}
    ${jobType === "DRIFT" && html`<${More} form=${form} title=${t("form.how")} places=${["/sample_rows", "/threshold", "/random_state"]}><${NumberAt} form=${form} at="/sample_rows" /><${NumberAt} form=${form} at="/threshold" /><${NumberAt} form=${form} at="/random_state" /><//>`}
    ${jobType === "COMPARE" && html`<${More} form=${form} title=${t("form.care")} places=${["/random_state"]}><${NumberAt} form=${form} at="/random_state" /><//>`}`;
}

function Output({ form }) {
  const columns = form.dataset?.profile?.columns ?? [];
  const kept = form.read("/keep") ?? [];
  const ids = columns.filter((one) => one.distinct === form.dataset.rows && one.nulls === 0 && !kept.includes(one.name)).slice(0, MOST_IDS);
  return html`<${More} form=${form} title=${t("form.output")} places=${["/keep", "/contributions", "/interval", "/reuse"]} open>
    <${Place} form=${form} at="/keep"><${PickSeveral} label=${t("field.keep")} hint=${t("hint.keep")} problem=${problemAt(form, "/keep")} values=${kept} columns=${columns} onChange=${(values) => form.set("/keep", values.length ? values : undefined)} />
      ${kept.length === 0 && ids.map((one) => html`<button type="button" key=${one.name} class="small" onClick=${() => form.set("/keep", [one.name])}>${t("form.keep_id", { name: one.name })}</button> `)}<//>
    <${CheckAt} form=${form} at="/contributions" /><${CheckAt} form=${form} at="/reuse" />
    <${NumberAt} form=${form} at="/interval" /><//>`;
}

function Explaining({ form }) {
  const isBinary = !form.model || form.model.task === "binary" || form.read("/costs");
  return html`<${More} form=${form} title=${t("form.how")} places=${["/sample_rows", "/metric", "/costs", "/random_state"]}>
    <${NumberAt} form=${form} at="/sample_rows" /><${Metric} form=${form} empty=${t("form.metric_auto")} />
    ${isBinary && html`<${NumberAt} form=${form} at="/costs/false_positive" /><${NumberAt} form=${form} at="/costs/false_negative" />`}
    <${NumberAt} form=${form} at="/random_state" /><//>`;
}
