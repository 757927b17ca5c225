// 2 to 20 models side by side: what differs between them, their curves, and the job that compares them on equal rows.
import { html, useEffect, useState } from "../core/html.js";
import { newRequestKey, send, withQuery } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Empty, Head } from "../parts/basics.js";
import { CheckField, SelectField } from "../parts/fields.js";
import { PagedTable } from "../parts/paged-table.js";
import { CurvesTogether, useModels } from "./curves-together.js";
import { LOWER_IS_BETTER, fittingMetric, heldOut, modelTitle, scoreName, scoresOf } from "./model-facts.js";

const MOST = 20;
const MOST_DATASETS = 200;
const OF_JOB = ["job_type", "model_name", "priority", "max_runtime_seconds"]; // in a spec, but nothing of the model

export function ComparePage({ query }) {
  const ids = [...new Set((query.ids ?? "").split(",").map(Number).filter((id) => Number.isInteger(id) && id > 0))].slice(0, MOST);
  const { models, isLoaded } = useModels(ids);
  const isAll = query.all === "1";
  const set = (all) => go(withQuery("/compare", { ids: query.ids, all: all ? 1 : "" }), { replace: true });
  const head = html`<${Head} title=${t("compare.title")} back=${html`<${Link} to="/models">← ${t("nav.models")}<//>`} />`;
  if (ids.length < 2 || (isLoaded && models.length < 2)) return html`${head}<${Empty}><p>${t(ids.length < 2 ? "models.select_hint" : "compare.gone")}</p><${Link} to="/models" class="button primary">${t("nav.models")}<//><//>`;
  return html`${head}
    ${models.length < 2 ? html`<p class="quiet" role="status">${t("loading")}</p>` : html`<${Submit} models=${models} />
      <${CheckField} label=${t("compare.all")} value=${isAll} onChange=${set} />
      <${SideBySide} models=${models} isAll=${isAll} />
      <${Card} title=${t("compare.curves")}><p class="quiet">${t("compare.curves_hint")}</p><${CurvesTogether} models=${models} /><//>`}`;
}

function SideBySide({ models, isAll }) {
  const rows = rowsOf(models);
  const shown = isAll ? rows : rows.filter((row) => row.differs);
  return html`${!isAll && html`<p class="quiet">${t("compare.equal", { count: rows.length - shown.length })}</p>`}
    <${PagedTable} label=${t("compare.title")} rows=${shown} keyOf=${(row) => row.name} file=${t("compare.title")} columns=${[
      { title: t("compare.what"), cell: (row) => row.name, text: (row) => row.name },
      ...models.map((model, at) => ({ title: `${modelTitle(model)} (${model.id})`, numeric: true, cell: (row) => (row.best === at ? html`<strong>★ ${format.any(row.values[at])}</strong>` : format.any(row.values[at])), text: (row) => row.values[at] })),
    ]} />
    <p>${models.map((model) => html`<${Link} key=${model.id} class="button" to=${`/models/${model.id}`}>${modelTitle(model)}<//> `)}</p>`;
}

/** [{name, values, differs, best}]: scores first, then what the training was asked for. */
function rowsOf(models) {
  const task = models[0].task;
  const scores = scoresOf(task).map((metric) => ({ name: `${scoreName(metric)} · ${t("scores.held_out")}`, values: models.map((model) => heldOut(model, metric)), metric }));
  const specs = models.map((model) => flatten(model.lineage.spec ?? {}));
  const names = [...new Set(specs.flatMap((spec) => Object.keys(spec)))].filter((name) => !OF_JOB.includes(name));
  const asked = names.map((name) => ({ name, values: specs.map((spec) => spec[name] ?? null) }));
  const facts = [
    { name: t("models.task"), values: models.map((model) => t(`task.${model.task}`)) },
    { name: t("splits.held_out"), values: models.map((model) => model.details.rows?.held_out ?? null) },
    { name: t("feature"), values: models.map((model) => model.details.features?.length ?? null) },
  ];
  return [...scores, ...facts, ...asked].map((row) => ({ ...row, differs: new Set(row.values.map((value) => JSON.stringify(value))).size > 1, best: row.metric ? bestOf(row) : null }));
}

function bestOf({ metric, values }) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const isLow = LOWER_IS_BETTER.includes(metric);
  const best = isLow ? Math.min(...known) : Math.max(...known);
  return known.filter((value) => value === best).length === 1 ? values.indexOf(best) : null;
}

/** {"params.n_estimators": 100, ...}; lists stay whole. */
function flatten(value, prefix = "") {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return { [prefix]: value };
  return Object.entries(value).reduce((found, [name, one]) => ({ ...found, ...flatten(one, prefix ? `${prefix}.${name}` : name) }), {});
}

/** A score of one training and a score of another are of different rows; a COMPARE job uses the same. */
function Submit({ models }) {
  const [key, setKey] = useState(newRequestKey);
  const datasets = useResource(`/datasets?status=READY&limit=${MOST_DATASETS}`, { kinds: ["dataset"] });
  const [dataset, setDataset] = useState(String(models[0].dataset_id));
  const [metric, setMetric] = useState(fittingMetric(models[0].task));
  const wanted = { job_type: "COMPARE", model_ids: models.map((model) => model.id), dataset_id: Number(dataset), metric };
  const text = JSON.stringify(wanted);
  useEffect(() => setKey(newRequestKey()), [text]); // another form is another request
  const submit = async () => go(`/jobs/${(await send("POST", "/jobs", wanted, { headers: { "Idempotency-Key": key } })).id}`);
  const known = datasets.data?.items ?? [];
  const options = known.map((one) => [String(one.id), `${one.name} ${t("model.version", { version: one.version })} (${one.id})`]);
  if (!known.some((one) => String(one.id) === dataset)) options.unshift([dataset, `${t("dataset.one")} ${dataset}`]);
  return html`<${Card} title=${t("compare.job")}><p class="quiet">${t("compare.job_hint")}</p><div class="filters">
    <${SelectField} label=${t("dataset.one")} value=${dataset} onChange=${setDataset} options=${options} />
    <${SelectField} label=${t("comparisons.by")} value=${metric} onChange=${setMetric} options=${scoresOf(models[0].task).map((one) => [one, scoreName(one)])} />
    <${Action} kind="primary" onClick=${submit}>${t("compare.submit")}<//></div>
    ${models.some((model) => String(model.dataset_id) === dataset) && html`<ul class="warnings"><li>${t("comparisons.learned")}</li></ul>`}<//>`;
}
