// What a study tries: one row for each place of the TRAIN spec that is searched, and when it ends.
import { html, useState } from "../core/html.js";
import { t } from "../core/text.js";
import { CheckField, NumberField, SelectField, TextField } from "../parts/fields.js";
import { CheckAt, More, NumberAt, Place, SelectAt, problemAt } from "./bound.js";
import { Metric } from "./applying.js";
import { parametersOf } from "./params.js";
import { escapePart, write } from "./spec.js";

const OTHER_PLACES = ["/model_type", "/class_balance", "/early_stopping_rounds", "/feature_engineering/windows"];
const CHOICES = { "/class_balance": ["none", "weights", "smote"] };
const numericOf = (schema) => (schema?.anyOf ?? [schema ?? {}]).find((one) => ["integer", "number"].includes(one.type));

const USUAL_TRIALS = 50; // what the service takes without a number
export const TUNING_PLACES = ["/search", "/metric", "/sampler", "/trials", "/generation", "/stop", "/warm_start", "/halving"];
const USUAL_HALVING = { rungs: 3, factor: 3 };

export function Tuning({ form, task }) {
  return html`<div class="full"><${Search} form=${form} /></div>
    <${Metric} form=${form} task=${task} />
    <${NumberAt} form=${form} at="/trials" schema=${{ ...form.schema("/trials"), default: form.read("/sampler") === "grid" ? null : USUAL_TRIALS }} />`;
}

export function TuningMore({ form }) {
  return html`<${More} form=${form} title=${t("form.study")} places=${["/sampler", "/generation", "/stop", "/warm_start", "/halving"]}>
    <${SelectAt} form=${form} at="/sampler" options=${[["", t("sampler.tpe")], ["random", t("sampler.random")], ["grid", t("sampler.grid")]]} />
    <${NumberAt} form=${form} at="/generation" />
    <${NumberAt} form=${form} at="/stop/trials_without_improvement" /><${NumberAt} form=${form} at="/stop/target" label=${t("field.stop_target")} /><${NumberAt} form=${form} at="/stop/seconds" />
    ${(!form.read("/sampler") || form.read("/warm_start")) && html`<${CheckAt} form=${form} at="/warm_start" />`}
    <${Halving} form=${form} /><//>`;
}

/** Poor trials end early: needs a generation of which enough are left on the last rung. */
function Halving({ form }) {
  const halving = form.read("/halving");
  const turn = (on) => {
    form.set("/halving", on ? USUAL_HALVING : undefined);
    if (on) form.set("/generation", Math.max(form.read("/generation") ?? 0, USUAL_HALVING.factor ** (USUAL_HALVING.rungs - 1)));
  };
  const problem = form.errors.find((one) => one.pointer === `${form.prefix}/halving`)?.detail; // the numbers show their own
  return html`<${Place} form=${form} at="/halving"><${CheckField} label=${t("field.halving")} value=${Boolean(halving)} onChange=${turn} /><small>${t("hint.halving")}</small>
      ${problem && html`<small class="wrong" role="alert">${problem}</small>`}<//>
    ${halving && html`<${NumberAt} form=${form} at="/halving/rungs" /><${NumberAt} form=${form} at="/halving/factor" />`}`;
}

function Search({ form }) {
  const [adding, setAdding] = useState("");
  const search = form.read("/search") ?? {};
  const type = form.modelTypes.find((one) => one.model_type === form.read("/train/model_type"));
  const parameters = Object.fromEntries(parametersOf(type).map(([name, schema]) => [`/params/${escapePart(name)}`, schema]));
  const free = [...Object.keys(parameters), ...OTHER_PLACES].filter((place) => !(place in search));
  const setRow = (place) => (row) => form.set("/search", write(search, `/${escapePart(place)}`, row));
  const add = () => {
    setRow(adding)(firstRow(adding, parameters[adding], form.modelTypes));
    setAdding("");
  };
  const alone = form.errors.filter((one) => one.pointer === "/search").map((one) => one.detail).join("; ");
  return html`<fieldset class="search"><legend>${t("form.search")}</legend>
    ${Object.entries(search).map(([place, row]) => html`<${SearchRow} key=${place} form=${form} place=${place} row=${row} onChange=${setRow(place)} />`)}
    <div class="with-button"><${SelectField} label=${t("form.search_add")} value=${adding} onChange=${setAdding} problem=${alone || undefined} options=${[["", t("form.choose")], ...free.map((place) => [place, place.replace("/params/", "")])]} />
      <button type="button" disabled=${!adding} onClick=${add}>${t("form.add")}</button></div></fieldset>`;
}

/** A range around the default that is often worth a try; the user changes it. */
function firstRow(place, schema, modelTypes) {
  const numeric = numericOf(schema);
  if (place === "/model_type") return { choices: modelTypes.slice(0, 2).map((one) => one.model_type) };
  if (CHOICES[place]) return { choices: CHOICES[place] };
  if (!numeric) return { choices: schema?.enum ?? (schema?.type === "boolean" ? [true, false] : [5, 10]) };
  const standard = typeof schema.default === "number" && schema.default > 0 ? schema.default : null;
  const low = Math.max(numeric.minimum ?? -Infinity, standard === null ? 1 : standard / 10);
  const high = Math.min(numeric.maximum ?? Infinity, standard === null ? 10 : standard * 10);
  const round = (value) => (numeric.type === "integer" ? Math.max(1, Math.round(value)) : Number(value.toPrecision(3)));
  return { low: round(low), high: round(high), ...(standard !== null && { log: true }) };
}

function SearchRow({ form, place, row, onChange }) {
  const at = `/search/${escapePart(place)}`;
  const name = place.replace("/params/", "");
  const set = (field) => (value) => onChange({ ...row, [field]: value ?? undefined });
  const isRange = !("choices" in row) || row.choices === null;
  return html`<${Place} form=${form} at=${at}><div class="row" role="group" aria-label=${name}><strong>${name}</strong>
    <${SelectField} label=${t("form.search_kind")} value=${isRange ? "range" : "choices"} options=${[["range", t("form.range")], ["choices", t("form.choices")]]} onChange=${(kind) => onChange(kind === "range" ? { low: 1, high: 10 } : { choices: [row.low ?? 1, row.high ?? 10] })} />
    ${isRange
      ? html`<${NumberField} label=${t("form.low")} value=${row.low} onChange=${set("low")} /><${NumberField} label=${t("form.high")} value=${row.high} onChange=${set("high")} /><${CheckField} label=${t("form.log")} value=${Boolean(row.log)} onChange=${(on) => onChange({ ...row, log: on || undefined })} />`
      : html`<div class="wide-field"><${TextField} label=${t("form.choices_list")} value=${row.choices.map(wordOf).join(", ")} onChange=${() => {}} onBlur=${(event) => onChange({ choices: choicesOf(event.target.value) })} /></div>`}
    <button type="button" class="small" aria-label=${t("form.remove", { name })} onClick=${() => onChange(undefined)}>✕</button></div>
    ${problemAt(form, at) && html`<small class="wrong" role="alert">${problemAt(form, at)}</small>`}<//>`;
}

const wordOf = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** "gbdt, 0.5, null, [5, 10]": what reads as JSON is that value, everything else is a word. */
function choicesOf(text) {
  const found = text.match(/\[[^\]]*\]|[^,]+/g) ?? [];
  return found.map((one) => one.trim()).filter(Boolean).map((one) => {
    try {
      return JSON.parse(one);
    } catch {
      return one;
    }
  });
}
