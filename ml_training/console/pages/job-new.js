// A new job: the simple things first, the rest folded away; the service checks it while it is filled in.
import { html, useEffect, useRef, useState } from "../core/html.js";
import { newRequestKey, send } from "../core/api.js";
import { useResource } from "../core/resource.js";
import { Link, go } from "../core/route.js";
import { t, words } from "../core/text.js";
import * as format from "../core/format.js";
import { Action, Card, Facts, Head, Loaded, ProblemBox } from "../parts/basics.js";
import { ApplyingBasics, ApplyingMore, placesOf } from "../forms/applying.js";
import { More, NumberAt, TextAt } from "../forms/bound.js";
import { useCheck } from "../forms/check.js";
import { useOpenApi } from "../forms/document.js";
import { parametersOf } from "../forms/params.js";
import { OtherFields, Sent } from "../forms/sent.js";
import { NAME, firstSpec, isComplete, isWithin, jobTypes, knownOf, read, schemaOf, write } from "../forms/spec.js";
import { TRAINING_PLACES, TrainingBasics, TrainingMore } from "../forms/training.js";
import { TUNING_PLACES, Tuning, TuningMore } from "../forms/tuning.js";

const LIMIT_PLACES = ["/priority", "/max_runtime_seconds"];
const STUDY_OR_TRAINING = ["TRAIN", "TUNE"];

export function NewJobPage({ query }) {
  const { from, job_type: jobType = "TRAIN", ...known } = query;
  const source = useResource(from ? `/jobs/${from}` : null);
  const types = useResource("/model-types");
  const document = useOpenApi();
  const title = t("nav.new_job");
  const form = (start) => html`<${JobForm} key=${`${from} ${known.dataset_id} ${known.target} ${known.model_id}`} start=${start} document=${document} modelTypes=${types.data?.items ?? []} from=${from} />`;
  return html`<${Head} title=${title} back=${from && html`<${Link} to=${`/jobs/${from}`}>← ${t("job.one")} ${from}<//>`} />
    <${Loaded} resource=${types}>${() => (from ? html`<${Loaded} resource=${source}>${(job) => form(withoutNulls(job.spec))}<//>` : form(firstSpec(jobType, known)))}<//>`;
}

/** A stored spec says null or [] where nothing was given: the form shows such a field empty. */
function withoutNulls(spec) {
  const kept = Object.entries(spec).filter(([, value]) => value !== null && !(Array.isArray(value) && value.length === 0));
  return Object.fromEntries(kept.map(([name, value]) => [name, name === "train" ? withoutNulls(value) : value]));
}

function JobForm({ start, document, modelTypes, from }) {
  const form = useForm(start, document, modelTypes);
  const { spec } = form;
  const isTraining = STUDY_OR_TRAINING.includes(spec.job_type);
  const training = spec.job_type === "TUNE" ? form.at("/train") : form;
  const places = [...LIMIT_PLACES, ...placesOfSpec(spec.job_type)];
  const names = Object.keys(spec).filter((name) => name !== "job_type" && !places.some((place) => place.split("/")[1] === name));
  return html`<form class="form" onSubmit=${(event) => event.preventDefault()}>
    <div class="fields">
      ${from && html`<p class="quiet">${t("form.from", { id: from })}</p>`}
      <${JobTypes} chosen=${spec.job_type} document=${document} onChoose=${form.changeJobType} />
      <${Card}><div class="grid">
        ${isTraining ? html`<${TrainingBasics} form=${training} />${spec.job_type === "TUNE" && html`<${Tuning} form=${form} task=${form.task} />`}<${TextAt} form=${form} at="/model_name" keepEmpty />` : html`<${ApplyingBasics} form=${form} />`}</div><//>
      ${isTraining ? html`${spec.job_type === "TUNE" && html`<${TuningMore} form=${form} />`}<${TrainingMore} form=${training} isStudy=${spec.job_type === "TUNE"} />` : html`<${ApplyingMore} form=${form} />`}
      <${More} form=${form} title=${t("form.limits")} places=${LIMIT_PLACES}><${NumberAt} form=${form} at="/priority" /><${NumberAt} form=${form} at="/max_runtime_seconds" /><//>
      <${OtherFields} key=${spec.job_type} form=${form} names=${names} />
      <${Sent} spec=${spec} />
    </div>
    <${Verdict} form=${form} places=${places} /></form>`;
}

function placesOfSpec(jobType) {
  if (jobType === "TRAIN") return ["/model_name", ...TRAINING_PLACES];
  if (jobType === "TUNE") return ["/model_name", ...TUNING_PLACES, ...TRAINING_PLACES.map((place) => `/train${place}`), "/random_state"];
  return placesOf(jobType);
}

const JobTypes = ({ chosen, document, onChoose }) => html`<fieldset class="choices"><legend>${t("job.type")}</legend>${jobTypes(document).map(
  (type) => html`<label key=${type} class=${type === chosen ? "chosen" : ""}><input type="radio" name="job_type" value=${type} checked=${type === chosen} onChange=${() => onChoose(type)} /> <strong>${type}</strong> <small>${words(`job_type.${type}`, "")}</small></label>`,
)}</fieldset>`;

/** The spec, how it is changed, and what the service says about it as it is now. */
function useForm(start, document, modelTypes) {
  const [spec, setSpec] = useState(start);
  const [isNamed, setNamed] = useState(Boolean(start.model_name));
  const otherSpecs = useRef({});
  const otherParams = useRef({});
  const known = useRef({});
  const prefix = spec.job_type === "TUNE" ? "/train" : "";
  const datasetId = read(spec, `${prefix}/dataset_id`);
  const dataset = useResource(datasetId ? `/datasets/${datasetId}` : null, { kinds: ["dataset"], id: datasetId }).data;
  const model = useResource(spec.model_id ?? spec.model_ids?.[0] ? `/models/${spec.model_id ?? spec.model_ids[0]}` : null).data;
  const check = useCheck(isComplete(spec) ? spec : null);
  const set = (at, value) => {
    if (at === "/model_name") setNamed(true);
    setSpec((old) => write(old, at, value));
  };
  useEffect(() => {
    if (!isNamed && dataset && "model_name" in spec && NAME.test(dataset.name)) setSpec((old) => ({ ...old, model_name: dataset.name }));
  }, [dataset, isNamed, spec.job_type]);
  const changeModelType = (type) =>
    setSpec((old) => {
      const { model_type: before, params } = read(old, prefix) ?? old;
      otherParams.current[before] = params;
      const names = parametersOf(modelTypes.find((one) => one.model_type === type), params).map(([name]) => name);
      const kept = otherParams.current[type] ?? Object.fromEntries(Object.entries(params ?? {}).filter(([name]) => names.includes(name)));
      return write(write(old, `${prefix}/model_type`, type), `${prefix}/params`, Object.keys(kept).length ? kept : undefined);
    });
  const changeJobType = (type) => {
    otherSpecs.current[spec.job_type] = spec;
    const said = Object.entries(knownOf(spec)).filter(([, value]) => value !== undefined);
    known.current = { ...known.current, ...Object.fromEntries(said) };
    setSpec(otherSpecs.current[type] ?? firstSpec(type, known.current));
    const address = new URLSearchParams(location.search);
    address.set("job_type", type);
    go(`/jobs/new?${address}`, { replace: true });
  };
  const replaceOthers = (names, others) => setSpec((old) => ({ ...Object.fromEntries(Object.entries(old).filter(([name]) => !names.includes(name))), ...others }));
  const task = model?.task ?? (check.answer && (check.answer.classes === null ? "regression" : "binary"));
  const form = { spec, prefix: "", document, modelTypes, dataset, model, task, check, set, changeModelType, changeJobType, replaceOthers };
  form.isTraining = STUDY_OR_TRAINING.includes(spec.job_type);
  form.errors = check.problem?.errors ?? [];
  form.warnings = check.answer?.warnings ?? [];
  form.read = (at) => read(spec, at);
  form.schema = (at) => schemaOf(document, spec, at);
  form.at = (inner) => ({ ...form, prefix: inner, read: (at) => form.read(inner + at), set: (at, value) => set(inner + at, value), schema: (at) => form.schema(inner + at) });
  return form;
}

/** What the service says, and the button. Errors and warnings that no field shows stand here. */
function Verdict({ form, places }) {
  const { spec, check } = form;
  const requestKey = useRef(newRequestKey());
  const isShown = (one) => places.some((place) => isWithin(one.pointer, place));
  const submit = async () => {
    try {
      const job = await send("POST", "/jobs", spec, { headers: { "Idempotency-Key": requestKey.current } });
      go(`/jobs/${job.id}`);
    } catch (problem) {
      if (problem.status === 409) requestKey.current = newRequestKey(); // it belongs to a job that was sent before
      throw problem;
    }
  };
  const others = (check.problem?.errors ?? []).filter((one) => !isShown(one));
  const alone = check.problem && (others.length > 0 || !check.problem.errors?.length);
  return html`<aside class="verdict card" aria-label=${t("form.verdict")}><div role="status" aria-live="polite">
    ${!isComplete(spec) && html`<p>${t(`form.incomplete.${spec.job_type}`)}</p>`}
    ${isComplete(spec) && check.busy && !check.answer && !check.problem && html`<p class="quiet">${t("form.checking")}</p>`}
    ${check.problem?.errors?.length > 0 && html`<p class="refused">✕ ${t("form.refused", { count: check.problem.errors.length })}</p>`}
    ${check.answer && html`<${Accepted} answer=${check.answer} hasTask=${form.isTraining} columns=${form.isTraining ? (form.dataset?.profile?.columns.length ?? 0) - 1 : 0} />`}</div>
    ${alone && html`<${ProblemBox} problem=${others.length ? { title: check.problem.title, detail: check.problem.detail, errors: others } : check.problem} />`}
    <${OtherWarnings} items=${form.warnings.filter((one) => !isShown(one))} />
    <${Action} kind="primary" disabled=${!isComplete(spec) || Boolean(check.problem?.errors?.length)} onClick=${submit}>${words(`submit.${spec.job_type}`, t("form.submit"))}<//></aside>`;
}

const OtherWarnings = ({ items }) => items.length > 0 && html`<ul class="warnings">${items.map((one) => html`<li key=${one.code + one.pointer}>${one.detail}</li>`)}</ul>`;

/** columns: those that could be features, of a form in which none was chosen; else 0. */
function Accepted({ answer, hasTask, columns }) {
  const { estimate } = answer;
  const starts = estimate.starts_in_seconds;
  return html`<p class="status completed">✓ ${t("form.accepted")}</p><${Facts} items=${[
    [t("form.task"), hasTask && (answer.classes === null ? t("task.regression") : t("form.classes", { count: answer.classes }))],
    [t("form.rows_used"), format.number(answer.rows)],
    [t("form.feature_count"), columns > answer.features ? t("form.features_of", { count: format.number(answer.features), all: format.number(columns) }) : format.number(answer.features)],
    [t("form.folds"), answer.folds > 1 && answer.folds],
    [t("form.memory"), estimate.memory_bytes && format.bytes(estimate.memory_bytes)],
    [t("form.takes"), estimate.seconds !== null && format.seconds(estimate.seconds)],
    [t("form.starts"), starts === null ? null : starts === 0 ? t("form.at_once") : format.seconds(starts)],
  ].map(([name, value]) => [name, value === false ? null : value])} />`;
}
